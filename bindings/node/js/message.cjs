'use strict';
// Messages, and the slabs that small ones lie in. `src/slab.rs` writes the records.

const { markAsUntransferable } = require('node:worker_threads');

const { native } = require('./loader.cjs');
const { neoError } = require('./errors.cjs');

const SLAB_BYTES = 64 << 10;

/** Words that a slab must have left to take a message. */
const ROOM = native.slabRoom();

/** Words of a record's head, and where in it stands what. */
const END = 0;
const DATA_AT = 1;
const DATA_LEN = 2;
const TOPIC_LEN = 3;
const HEADERS_LEN = 4;
const KIND = 5;
const LOST = 6;
const TIME = 8;
const SEQ = 10;

const IS_PATTERN = 0xffffffff;
const ELSEWHERE = 1;

const EMPTY = Buffer.alloc(0);
const NO_HEADERS = Object.freeze([]);

/** Memory for records, one behind the other. It lives as long as a view on it. */
class Slab {
  constructor() {
    this.bytes = new ArrayBuffer(SLAB_BYTES);
    this.words = new Uint32Array(this.bytes);
    this.end = 0;
    // Transferred to a worker it would be gone for all the other messages in it.
    markAsUntransferable(this.bytes);
  }
}

let slab = new Slab();

/** The slab to write to: the one in use, while that has room for a message. */
function roomy() {
  if (slab.words.length - slab.end < ROOM) slab = new Slab();
  return slab;
}

/** The messages that stand in a slab from a word on. */
function messagesAt(from, at, pattern, zeroCopy) {
  const { words, end } = from;
  const messages = [];
  while (at < end) {
    messages.push(new Message(from, at, pattern, zeroCopy));
    at = words[at + END];
  }
  return messages;
}

/** Takes at most `max` messages that are there. Throws what the native half throws. */
function drain(key, pattern, max, zeroCopy) {
  const current = roomy();
  const at = current.end;
  current.end = native.subscriptionDrain(key, current.words, at, max);
  return messagesAt(current, at, pattern, zeroCopy);
}

/** Takes a message, and those behind it where many wait; an empty array if none is there. */
function drainAhead(key, pattern, zeroCopy) {
  const current = roomy();
  const at = current.end;
  current.end = native.subscriptionDrainAhead(key, current.words, at);
  return messagesAt(current, at, pattern, zeroCopy);
}

/** Takes one message; undefined if none is there. */
function drainOne(key, pattern, zeroCopy) {
  const current = roomy();
  const at = current.end;
  current.end = native.subscriptionDrain(key, current.words, at, 1);
  return at < current.end ? new Message(current, at, pattern, zeroCopy) : undefined;
}

function bigint(words, at) {
  return (BigInt(words[at + 1]) << 32n) | BigInt(words[at]);
}

/** The payload and the headers of a large message. */
class Large {
  constructor(zeroCopy, hasHeaders) {
    this.key = native.largeTake();
    // Alone with its memory, a message harms nobody by what is written to it.
    this.isView = zeroCopy || native.largeIsSole(this.key);
    this.headers = hasHeaders ? native.largeHeaders(this.key) : EMPTY;
    this.bytes = this.isView ? native.largeView(this.key) : native.largeCopy(this.key);
    if (!this.isView) native.largeRelease(this.key);
  }

  release() {
    if (this.isView) native.largeRelease(this.key, this.bytes);
  }
}

/** A received message. Its payload and topic are made when they are asked for. */
class Message {
  #slab;
  #at;
  #pattern;
  #large;
  #data;

  constructor(from, at, pattern, zeroCopy) {
    this.#slab = from;
    this.#at = at;
    this.#pattern = pattern;
    if (from.words[at + KIND] === ELSEWHERE) {
      this.#large = new Large(zeroCopy, from.words[at + HEADERS_LEN] > 0);
    }
  }

  #words() {
    if (this.#slab === undefined) {
      throw neoError('NEO_E_MISUSE', 'the message was released: copy what is needed before that');
    }
    return this.#slab.words;
  }

  /** The payload. */
  get data() {
    return (this.#data ??= this.#view());
  }

  #view() {
    const words = this.#words();
    const large = this.#large;
    if (large !== undefined) return Buffer.from(large.bytes);
    return Buffer.from(this.#slab.bytes, words[this.#at + DATA_AT], words[this.#at + DATA_LEN]);
  }

  /** The topic that it was published to. */
  get topic() {
    const words = this.#words();
    const at = this.#at;
    const len = words[at + TOPIC_LEN];
    if (len === IS_PATTERN) return this.#pattern;
    const start = words[at + DATA_AT] + words[at + DATA_LEN];
    return Buffer.from(this.#slab.bytes, start, len).toString();
  }

  /** The user's headers as `[key, value]`, in the order in which they were added. */
  get headers() {
    return this.#entries().filter(([key]) => key !== '');
  }

  /** The trace context that it belongs to, as W3C writes it; undefined without one. */
  get traceparent() {
    return this.#entries().find(([key]) => key === '')?.[1].toString();
  }

  /** The headers; the trace context is one with an empty key. */
  #entries() {
    const words = this.#words();
    const at = this.#at;
    const len = words[at + HEADERS_LEN];
    if (len === 0) return NO_HEADERS;
    if (this.#large !== undefined) return parseHeaders(this.#large.headers);
    const topic = words[at + TOPIC_LEN];
    const start = words[at + DATA_AT] + words[at + DATA_LEN] + (topic === IS_PATTERN ? 0 : topic);
    return parseHeaders(Buffer.from(this.#slab.bytes, start, len));
  }

  /** Messages that the subscription lost between the one before and this one. */
  get lostBefore() {
    const words = this.#words();
    return words[this.#at + LOST] + words[this.#at + LOST + 1] * 0x1_0000_0000;
  }

  /** When it was sent, in nanoseconds since 1970; undefined unless its publisher stamps the time. */
  get timestampNs() {
    const words = this.#words();
    const time = BigInt.asIntN(64, bigint(words, this.#at + TIME));
    return time === 0n ? undefined : time;
  }

  /** Its number in its stream; undefined outside streams. */
  get seq() {
    const seq = bigint(this.#words(), this.#at + SEQ);
    return seq === 0n ? undefined : seq;
  }

  /** Whether `release` was called. */
  get released() {
    return this.#slab === undefined;
  }

  /**
   * Gives the message up. One that is seen without a copy returns its memory to the kernel now, and
   * buffers on it have no bytes any more; of others they stay as they are.
   */
  release() {
    if (this.#slab === undefined) return;
    this.#slab = undefined;
    const large = this.#large;
    this.#large = undefined;
    this.#data = undefined;
    large?.release();
  }

  [Symbol.for('nodejs.util.inspect.custom')]() {
    if (this.released) return 'Message { released }';
    return `Message { topic: ${JSON.stringify(this.topic)}, ${this.data.length} bytes }`;
  }
}

function parseHeaders(bytes) {
  const headers = [];
  for (let at = 0; at < bytes.length; ) {
    const keyEnd = at + 8 + bytes.readUInt32LE(at);
    const end = keyEnd + bytes.readUInt32LE(at + 4);
    headers.push([bytes.toString('utf8', at + 8, keyEnd), bytes.subarray(keyEnd, end)]);
    at = end;
  }
  return headers;
}

module.exports = { Message, drain, drainAhead, drainOne };
