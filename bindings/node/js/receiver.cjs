'use strict';
// What subscriptions and services have in common: they are received from until they are closed.

const { neoError } = require('./errors.cjs');
const { Deadline, Source, isTurnOver, nudge, turn } = require('./hub.cjs');
const { waiting } = require('./options.cjs');
const { ASYNC_DISPOSE, DISPOSE } = require('./dispose.cjs');

/**
 * A receiving end. Its subclass has `tryRecv`, and a kind: how the native half is told to `watch` and to
 * `close` its key, the registry that has the `lost` ones closed, and words for errors.
 */
class Receiver {
  #kind;
  #key;
  #name;
  #source;
  #isClosed = false;

  /** @private */
  constructor(kind, key, name) {
    this.#kind = kind;
    this.#key = key;
    this.#name = name;
    this.#source = new Source(key, kind.watch);
    kind.lost.register(this, key, this);
  }

  /** Whether `close` was called. */
  get closed() {
    return this.#isClosed;
  }

  /** The key of the native half. @private */
  live() {
    if (!this.#isClosed) return this.#key;
    throw neoError('NEO_E_CLOSED', this.#kind.closed);
  }

  /** As `tryRecv`, for who will ask for more. @private */
  tryNext() {
    return this.tryRecv();
  }

  /** The next one. TimeoutError after `timeout` ms, the signal's reason if it is aborted. */
  async recv(given) {
    const { timeout, signal } = waiting(given);
    signal?.throwIfAborted();
    const deadline = new Deadline(timeout);
    for (;;) {
      const one = this.tryRecv();
      if (one !== undefined) return one;
      if (!(await this.wait(deadline.left, signal))) {
        const late = `${this.#kind.nothing} "${this.#name}" came in ${timeout} ms`;
        throw neoError('NEO_E_TIMEOUT', late);
      }
    }
  }

  /** Waits until something may be there; false after `timeout` ms. @private */
  wait(timeout, signal) {
    return this.#isClosed ? Promise.resolve(true) : this.#source.wait(timeout, signal);
  }

  /** One after the other, as they come. Ends when this or its kernel is closed. */
  [Symbol.asyncIterator]() {
    return new Iteration(this);
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

  /** Ends it: whoever waits returns. */
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#kind.lost.unregister(this);
    this.#kind.close(this.#key);
    this.#source.end();
    nudge();
  }

  [DISPOSE]() {
    this.close();
  }

  async [ASYNC_DISPOSE]() {
    this.close();
  }
}

const DONE = Object.freeze({ value: undefined, done: true });

/** What comes, one by one: turns, and how it ends. */
class Iteration {
  #receiver;
  #isOver = false;

  constructor(receiver) {
    this.#receiver = receiver;
  }

  /** What is there, undefined if nothing is. */
  take(receiver) {
    return receiver.tryNext();
  }

  /** How much of a turn that was. */
  count() {
    return 1;
  }

  next() {
    if (this.#isOver) return Promise.resolve(DONE);
    let value;
    try {
      value = this.take(this.#receiver);
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
        await this.#receiver.wait();
        if (this.#isOver) return DONE;
        const value = this.take(this.#receiver);
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

  /** The loop was left: the receiver stays open. */
  return() {
    this.#isOver = true;
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator]() {
    return this;
  }
}

module.exports = { Iteration, Receiver };
