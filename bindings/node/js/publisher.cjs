'use strict';
// Publishers and loans.

const { native } = require('./loader.cjs');
const { lift, neoError } = require('./errors.cjs');
const { Deadline, Source, isTurnOver, turn } = require('./hub.cjs');
const { integer, payload, payloads, waiting } = require('./options.cjs');
const { DISPOSE, reclaim } = require('./dispose.cjs');

/** Races for room that a waiting publish loses before it believes that the memory is used up. */
const LOST_RACES_MAX = 16;

/** The results that nearly every publish has, made once: few mailboxes, nothing lost. */
const COMMON = Array.from({ length: 9 }, (_, accepted) => result(accepted, 0, 0));

function result(accepted, dropped, timedOut) {
  return Object.freeze({ accepted, dropped, timedOut });
}

/** What became of a message, of the native half's one or three numbers. */
function published(told) {
  if (typeof told === 'number') return COMMON[told] ?? result(told, 0, 0);
  return result(...told);
}

/** How far `publishMany` came. */
function run({ messages, accepted, dropped, timedOut, error }) {
  return { messages, accepted, dropped, timedOut, error: error && neoError(...error) };
}

const lost = reclaim(native.publisherClose);

/** A topic made ready for publishing. */
class Publisher {
  #key;
  #topic;
  #sendTimeout;
  #isClosed = false;

  /** @private */
  constructor(key, topic, sendTimeout) {
    this.#key = key;
    this.#topic = topic;
    this.#sendTimeout = sendTimeout;
    lost.register(this, key, this);
  }

  /** The topic. */
  get topic() {
    return this.#topic;
  }

  /** Whether `close` was called. */
  get closed() {
    return this.#isClosed;
  }

  #live() {
    if (!this.#isClosed) return this.#key;
    throw neoError('NEO_E_CLOSED', 'the publisher is closed: open another to go on');
  }

  /** Publishes one message, without waiting, and says what became of it. */
  publish(data) {
    try {
      return published(native.publisherPublish(this.#live(), data));
    } catch (error) {
      payload(data);
      throw lift(error);
    }
  }

  /** Publishes each payload as a message of its own, in order, without waiting. */
  publishMany(values) {
    const list = payloads(values);
    try {
      return run(native.publisherPublishMany(this.#live(), list));
    } catch (error) {
      throw lift(error);
    }
  }

  /**
   * Publishes one message; waits at full mailboxes with the policy `block` until they have room, for
   * at most `timeout` ms. After that it is published where there is room.
   */
  async publishAsync(data, given) {
    const { timeout = this.#sendTimeout, signal } = waiting(given);
    const { length } = payload(data);
    const deadline = new Deadline(timeout);
    let lostRaces = 0;
    let hasRoom = await this.#room(length, deadline, signal);
    for (;;) {
      try {
        const told = this.publish(data);
        if (isTurnOver()) await turn();
        return told;
      } catch (error) {
        // There was room at the mailboxes: another took it, or the memory is used up.
        lostRaces += 1;
        if (error.code !== 'NEO_E_FULL' || !hasRoom || lostRaces > LOST_RACES_MAX) throw error;
      }
      await turn();
      hasRoom = await this.#room(length, deadline, signal);
    }
  }

  /** Resolves when a full mailbox has room for `bytes` again; false after `timeout` ms. */
  async ready(bytes = 0, given) {
    const { timeout, signal } = waiting(given);
    return this.#room(integer('bytes', bytes), new Deadline(timeout), signal);
  }

  async #room(bytes, deadline, signal) {
    signal?.throwIfAborted();
    let room;
    try {
      room = native.publisherRoom(this.#live(), bytes);
    } catch (error) {
      throw lift(error);
    }
    try {
      const source = new Source(room, native.roomWatch);
      for (;;) {
        if (native.roomIsReady(room)) return true;
        if (!(await source.wait(deadline.left, signal))) return false;
      }
    } catch (error) {
      throw error === signal?.reason ? error : lift(error);
    } finally {
      native.roomClose(room);
    }
  }

  /** Lends memory of the kernel to write a message of `length` bytes in place. */
  loan(length) {
    integer('length', length);
    try {
      const key = native.publisherLoan(this.#live(), length);
      return new Loan(key, native.loanView(key));
    } catch (error) {
      throw lift(error);
    }
  }

  /** Gives it up. */
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    lost.unregister(this);
    native.publisherClose(this.#key);
  }

  [DISPOSE]() {
    this.close();
  }
}

/** Memory of the kernel to write a message into. What it holds beforehand is not specified. */
class Loan {
  #key;
  #bytes;
  #data;
  #length;
  #isOver = false;

  /** @private */
  constructor(key, bytes) {
    this.#key = key;
    this.#bytes = bytes;
    this.#data = Buffer.from(bytes);
    this.#length = bytes.byteLength;
  }

  /** The memory. After `send` and `abort` it has no bytes. */
  get data() {
    return this.#data;
  }

  /** Bytes that `send` sends. */
  get length() {
    return this.#length;
  }

  /** Whether it was sent or given up. */
  get closed() {
    return this.#isOver;
  }

  /** Sends only the first `length` bytes. */
  truncate(length) {
    this.#refuseIfOver();
    integer('length', length);
    if (length > this.#length) {
      const text = `${length} bytes are more than the ${this.#length} that were lent: loan more`;
      throw neoError('NEO_E_INVALID', text);
    }
    this.#length = length;
  }

  /** Publishes the message and says what became of it. */
  send() {
    this.#refuseIfOver();
    this.#isOver = true;
    try {
      return published(native.loanSend(this.#key, this.#bytes, this.#length));
    } catch (error) {
      throw lift(error);
    }
  }

  /** Gives the memory back and sends nothing. After the end it does nothing. */
  abort() {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      native.loanAbort(this.#key, this.#bytes);
    } catch (error) {
      throw lift(error);
    }
  }

  #refuseIfOver() {
    if (this.#isOver) throw neoError('NEO_E_MISUSE', 'the loan was sent or given up already');
  }

  [DISPOSE]() {
    this.abort();
  }
}

module.exports = { Loan, Publisher, published, run };
