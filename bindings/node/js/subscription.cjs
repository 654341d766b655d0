'use strict';
// Subscriptions: sync `tryRecv` and `drain` underneath; promises and iterators on top.

const { native } = require('./loader.cjs');
const { lift, neoError } = require('./errors.cjs');
const { Deadline, Source, isTurnOver, turn } = require('./hub.cjs');
const message = require('./message.cjs');
const {
  TIMES, flag, integer, is32, options, signalOf, text, waiting,
} = require('./options.cjs');
const { DISPOSE, ASYNC_DISPOSE, reclaim } = require('./dispose.cjs');

/** Messages that one batch has unless another number is asked for. */
const BATCH = 512;

/** Messages that one call of the native half is asked for, at most. */
const DRAIN_MAX = 0xffff;

const lost = reclaim(native.subscriptionClose);

/** The receiving end of a pattern. A message goes to one caller. */
class Subscription {
  #key;
  #pattern;
  #zeroCopy;
  #source;
  #isClosed = false;
  #signal;
  #onAbort;

  /** @private */
  constructor(key, pattern, { zeroCopy = false, signal } = {}) {
    this.#key = key;
    this.#pattern = pattern;
    this.#zeroCopy = zeroCopy;
    this.#source = new Source(key, native.subscriptionWatch);
    lost.register(this, key, this);
    if (signal !== undefined) {
      this.#signal = signal;
      const self = new WeakRef(this);
      this.#onAbort = () => self.deref()?.close();
      signal.addEventListener('abort', this.#onAbort, { once: true });
    }
  }

  /** The pattern that it was opened with. */
  get pattern() {
    return this.#pattern;
  }

  /** Whether `close` was called. */
  get closed() {
    return this.#isClosed;
  }

  #live() {
    if (!this.#isClosed) return this.#key;
    throw neoError('NEO_E_CLOSED', 'the subscription is closed: subscribe again to go on');
  }

  /** Messages that wait to be received. */
  get queued() {
    try {
      return native.subscriptionQueued(this.#live());
    } catch (error) {
      throw lift(error);
    }
  }

  /** Losses since the last message that no message has told. */
  takeLost() {
    try {
      return native.subscriptionTakeLost(this.#live());
    } catch (error) {
      throw lift(error);
    }
  }

  /** The next message; undefined if none is there. */
  tryRecv() {
    try {
      return message.drainOne(this.#live(), this.#pattern, this.#zeroCopy);
    } catch (error) {
      throw lift(error);
    }
  }

  /** At most `max` messages that are there; an empty array if none is. */
  drain(max = BATCH) {
    integer('max', max);
    const messages = [];
    while (messages.length < max) {
      let some;
      try {
        const want = Math.min(max - messages.length, DRAIN_MAX);
        some = message.drain(this.#live(), this.#pattern, want, this.#zeroCopy);
      } catch (error) {
        // It comes again when there is nothing but it.
        if (messages.length > 0) break;
        throw lift(error);
      }
      if (some === undefined) break;
      if (some.length === max) return some;
      for (const one of some) messages.push(one);
    }
    return messages;
  }

  /** The next message. TimeoutError after `timeout` ms, the signal's reason if it is aborted. */
  async recv(given) {
    const { timeout, signal } = waiting(given);
    signal?.throwIfAborted();
    const deadline = new Deadline(timeout);
    for (;;) {
      const one = this.tryRecv();
      if (one !== undefined) return one;
      if (!(await this.#source.wait(deadline.left, signal))) {
        throw neoError('NEO_E_TIMEOUT', `no message on "${this.#pattern}" came in ${timeout} ms`);
      }
    }
  }

  /** At most `max` messages; waits for the first for `timeout` ms. An empty array: it passed. */
  async recvBatch(given) {
    const { max = BATCH, timeout, signal } = options('recvBatch', given, {
      max: (key, value) => integer(key, value),
      ...TIMES,
    });
    signal?.throwIfAborted();
    const deadline = new Deadline(timeout);
    for (;;) {
      const some = this.drain(max);
      if (some.length > 0 || max === 0) return some;
      if (!(await this.#source.wait(deadline.left, signal))) return [];
    }
  }

  /** Resolves when a message may be there; false after `timeout` ms. Takes nothing. */
  ready(given) {
    const { timeout, signal } = waiting(given);
    return this.#isClosed ? Promise.resolve(true) : this.#source.wait(timeout, signal);
  }

  /** Messages as they come. Ends when the subscription or its kernel is closed. */
  [Symbol.asyncIterator]() {
    return new Messages(this);
  }

  /** Batches of at most `max` messages as they come. Ends as the iterator does. */
  batches(given) {
    const { max = BATCH } = options('batches', given, {
      max: (key, value) => integer(key, value, 0xffff, 1),
    });
    return new Batches(this, max);
  }

  /** Whether waits at it keep the process alive: they do until `unref`. */
  ref() {
    this.#source.setRef(true);
    return this;
  }

  unref() {
    this.#source.setRef(false);
    return this;
  }

  /** Unsubscribes: nothing arrives any more, what is queued is given up, whoever waits returns. */
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    lost.unregister(this);
    this.#signal?.removeEventListener('abort', this.#onAbort);
    native.subscriptionClose(this.#key);
    this.#source.end();
  }

  [DISPOSE]() {
    this.close();
  }

  async [ASYNC_DISPOSE]() {
    this.close();
  }
}

const DONE = Object.freeze({ value: undefined, done: true });

/** What the two iterators have in common: turns, and how they end. */
class Iteration {
  #subscription;
  #isOver = false;

  constructor(subscription) {
    this.#subscription = subscription;
  }

  next() {
    if (this.#isOver) return Promise.resolve(DONE);
    let value;
    try {
      value = this.take(this.#subscription);
    } catch (error) {
      return this.#end(error);
    }
    if (value === undefined) return this.#later();
    const result = { value, done: false };
    return isTurnOver(this.count(value)) ? turn().then(() => result) : Promise.resolve(result);
  }

  async #later() {
    for (;;) {
      try {
        await this.#subscription.ready();
        if (this.#isOver) return DONE;
        const value = this.take(this.#subscription);
        if (value !== undefined) return { value, done: false };
      } catch (error) {
        return this.#end(error);
      }
    }
  }

  async #end(error) {
    this.#isOver = true;
    if (error.code === 'NEO_E_CLOSED') return DONE;
    throw error;
  }

  /** The loop was left: the subscription stays open. */
  return() {
    this.#isOver = true;
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

class Messages extends Iteration {
  take(subscription) {
    return subscription.tryRecv();
  }

  count() {
    return 1;
  }
}

class Batches extends Iteration {
  #max;

  constructor(subscription, max) {
    super(subscription);
    this.#max = max;
  }

  take(subscription) {
    const some = subscription.drain(this.#max);
    return some.length > 0 ? some : undefined;
  }

  count(some) {
    return some.length;
  }
}

/** The options of `subscribe`. */
const OPTIONS = {
  depth: is32,
  policy: text,
  group: text,
  mailboxBytesMax: (key, value) => integer(key, value),
  pinnedBytesMax: (key, value) => integer(key, value),
  zeroCopy: flag,
  signal: signalOf,
};

module.exports = { OPTIONS, Subscription };
