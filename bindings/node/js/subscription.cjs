'use strict';
// Subscriptions: messages are received one by one or in batches.

const { native } = require('./loader.cjs');
const { lift } = require('./errors.cjs');
const { Deadline } = require('./hub.cjs');
const message = require('./message.cjs');
const {
  TIMES, flag, integer, is32, options, signalOf, text, waiting,
} = require('./options.cjs');
const { Iteration, Receiver } = require('./receiver.cjs');
const { reclaim } = require('./dispose.cjs');

/** Messages that one batch has unless another number is asked for. */
const BATCH = 512;

/** Messages that one call of the native half is asked for, at most. */
const DRAIN_MAX = 0xffff;

const KIND = {
  watch: native.subscriptionWatch,
  close: native.subscriptionClose,
  lost: reclaim(native.subscriptionClose),
  nothing: 'no message on',
  closed: 'the subscription is closed: subscribe again to go on',
};

/** The receiving end of a pattern. A message goes to one caller. */
class Subscription extends Receiver {
  #pattern;
  #zeroCopy;
  #looksAhead;
  /** Messages that were taken ahead, the last one first. */
  #ahead = [];
  #signal;
  #onAbort;

  /** @private */
  constructor(key, pattern, { zeroCopy = false, signal, group, policy }) {
    super(KIND, key, pattern);
    this.#pattern = pattern;
    this.#zeroCopy = zeroCopy;
    // What others might have taken, or a newer message would replace, is not taken ahead.
    this.#looksAhead = group === undefined && policy !== 'latest';
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

  /** Messages that wait to be received. */
  get queued() {
    try {
      return native.subscriptionQueued(this.live()) + this.#ahead.length;
    } catch (error) {
      throw lift(error);
    }
  }

  /** Losses since the last message that no message has told. */
  takeLost() {
    try {
      return native.subscriptionTakeLost(this.live());
    } catch (error) {
      throw lift(error);
    }
  }

  /** The next message; undefined if none is there. */
  tryRecv() {
    const key = this.live();
    if (this.#ahead.length > 0) return this.#ahead.pop();
    try {
      return message.drainOne(key, this.#pattern, this.#zeroCopy);
    } catch (error) {
      throw lift(error);
    }
  }

  /**
   * As `tryRecv`, for who will ask for more: where many messages wait, some are taken ahead.
   * @private
   */
  tryNext() {
    if (this.#ahead.length > 0) return this.#ahead.pop();
    if (!this.#looksAhead) return this.tryRecv();
    try {
      const some = message.drainAhead(this.live(), this.#pattern, this.#zeroCopy);
      this.#ahead = some.reverse();
    } catch (error) {
      throw lift(error);
    }
    return this.#ahead.pop();
  }

  /** At most `max` messages that are there; an empty array if none is. */
  drain(max = BATCH) {
    integer('max', max);
    const key = this.live();
    const messages = [];
    while (this.#ahead.length > 0 && messages.length < max) messages.push(this.#ahead.pop());
    while (messages.length < max) {
      let some;
      try {
        const want = Math.min(max - messages.length, DRAIN_MAX);
        some = message.drain(key, this.#pattern, want, this.#zeroCopy);
      } catch (error) {
        // It comes again when there is nothing but it.
        if (messages.length > 0) break;
        throw lift(error);
      }
      if (some.length === 0) break;
      if (some.length === max) return some;
      for (const one of some) messages.push(one);
    }
    return messages;
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
      if (!(await this.wait(deadline.left, signal))) return [];
    }
  }

  /** Resolves when a message may be there; false after `timeout` ms. Takes nothing. */
  ready(given) {
    const { timeout, signal } = waiting(given);
    return this.wait(timeout, signal);
  }

  wait(timeout, signal) {
    if (this.#ahead.length > 0) return Promise.resolve(true);
    return super.wait(timeout, signal);
  }

  /** Batches of at most `max` messages as they come. Ends as the iterator does. */
  batches(given) {
    const { max = BATCH } = options('batches', given, {
      max: (key, value) => integer(key, value, 0xffff, 1),
    });
    return new Batches(this, max);
  }

  /** Unsubscribes: nothing arrives any more, what is queued is given up, whoever waits returns. */
  close() {
    super.close();
    this.#ahead = [];
    this.#signal?.removeEventListener('abort', this.#onAbort);
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
