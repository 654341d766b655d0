'use strict';
// The kernel's handle.

const { native } = require('./loader.cjs');
const { lift, neoError } = require('./errors.cjs');
const { Deadline, Source, acquire, nudge, release } = require('./hub.cjs');
const {
  callback, flag, integer, is32, milliseconds, options, payload, payloads, text, waiting,
  wrongType,
} = require('./options.cjs');
const { Publisher, published, run } = require('./publisher.cjs');
const { Service } = require('./service.cjs');
const subscriptions = require('./subscription.cjs');
const { ASYNC_DISPOSE, DISPOSE, reclaim } = require('./dispose.cjs');

/** How long a call waits unless told otherwise. */
const CALL_TIMEOUT_MS = 5000;

/** Handlers that run at a time, unless told otherwise. */
const CONCURRENCY = 64;

const EMPTY = Buffer.alloc(0);

const OPEN = {
  memory: (key, value) => integer(key, value),
  memoryBytesMax: (key, value) => integer(key, value),
  subscriptionsMax: is32,
  participantsMax: is32,
  callsInFlightMax: is32,
  callTimeout: milliseconds,
  thread: flag,
  existingOnly: flag,
};

const PUBLISHER = {
  sendTimeout: milliseconds,
  stampTime: flag,
  headers: pairs,
  traceparent: text,
};

/** Headers, an object or an iterable of pairs, as pairs of text and bytes. */
function pairs(what, value) {
  if (typeof value !== 'object' || value === null) {
    throw wrongType(what, 'an object or an iterable of [key, value]', value);
  }
  const entries = Symbol.iterator in value ? [...value] : Object.entries(value);
  return entries.map((entry) => {
    if (!Array.isArray(entry)) throw wrongType(what, 'an iterable of [key, value]', entry);
    return [text(`${what}'s key`, entry[0]), payload(entry[1])];
  });
}

const SERVE = {
  depth: is32,
  concurrency: (key, value) => integer(key, value, 0xffffffff, 1),
};

const lost = reclaim((held) => {
  native.kernelRelease(held.key);
  if (held.isOpen) release();
});

/** The engine instance that a URL names. */
class Kernel {
  #key;
  #url;
  #callTimeout;
  /** What is known of it when it is collected. */
  #held;

  /** @private */
  constructor(key, callTimeout) {
    this.#key = key;
    this.#url = native.kernelUrl(key);
    this.#callTimeout = callTimeout;
    this.#held = { key, isOpen: true };
    acquire();
    lost.register(this, this.#held);
  }

  /**
   * Opens the kernel that a URL names: `mem://` is a private one, `mem://NAME` is shared by all that
   * open the name in this process, workers too, `shm://NAME` by all processes of this user on this
   * host. Without one: what NEO_URL names, else `mem://default`.
   */
  static open(url, given) {
    if (url !== undefined) text('url', url);
    const { memory, callTimeout = CALL_TIMEOUT_MS, ...rest } = options('open', given, OPEN);
    if (memory !== undefined && rest.memoryBytesMax !== undefined) {
      throw new TypeError('memory is short for memoryBytesMax: pass one of them');
    }
    rest.memoryBytesMax ??= memory;
    try {
      return new Kernel(native.kernelOpen(url, rest), callTimeout);
    } catch (error) {
      throw lift(error);
    }
  }

  /** The URL that it was opened with. */
  get url() {
    return this.#url;
  }

  /** Whether `close` was called. */
  get closed() {
    return !this.#held.isOpen;
  }

  /** Publishes one message to a topic by name, without waiting. A `Publisher` is faster. */
  publish(topic, data) {
    text('topic', topic);
    payload(data);
    try {
      return published(native.kernelPublish(this.#key, topic, data));
    } catch (error) {
      throw lift(error);
    }
  }

  /** Publishes each payload as a message of its own, without waiting. */
  publishMany(topic, values) {
    text('topic', topic);
    const list = payloads(values);
    try {
      return run(native.kernelPublishMany(this.#key, topic, list));
    } catch (error) {
      throw lift(error);
    }
  }

  /** Makes a topic ready for publishing. `sendTimeout` is how long `publishAsync` waits. */
  publisher(topic, given) {
    text('topic', topic);
    const chosen = options('publisher', given, PUBLISHER);
    const { sendTimeout, stampTime = false, headers = [], traceparent } = chosen;
    const keys = headers.map(([key]) => key);
    const values = headers.map(([, value]) => value);
    try {
      const key = native.kernelPublisher(this.#key, topic, stampTime, keys, values, traceparent);
      return new Publisher(key, topic, sendTimeout);
    } catch (error) {
      throw lift(error);
    }
  }

  /** Subscribes to a pattern. A publish that starts after this returned is delivered. */
  subscribe(pattern, given) {
    text('pattern', pattern);
    const { zeroCopy, signal, ...rest } = options('subscribe', given, subscriptions.OPTIONS);
    signal?.throwIfAborted();
    try {
      const key = native.kernelSubscribe(this.#key, pattern, rest);
      return new subscriptions.Subscription(key, pattern, { ...rest, zeroCopy, signal });
    } catch (error) {
      throw lift(error);
    }
  }

  /**
   * Joins a service as a worker; the first one opens it. `handler(request)` returns the payload of
   * the answer or a promise of it, what it throws is the answer, too. Without a handler, requests
   * are pulled.
   */
  serve(name, handler, given) {
    text('name', name);
    if (handler !== undefined) callback('handler', handler);
    const { depth, concurrency = CONCURRENCY } = options('serve', given, SERVE);
    let service;
    try {
      service = new Service(native.kernelServe(this.#key, name, depth), name);
    } catch (error) {
      throw lift(error);
    }
    if (handler !== undefined) service.start(handler, concurrency);
    return service;
  }

  /**
   * Calls a method of a service. Waits for at most `timeout` ms, else for the `callTimeout` that the
   * kernel was opened with. The request has been sent when this returns; aborted, the call is given up.
   */
  async call(service, method, data = EMPTY, given = undefined) {
    text('service', service);
    text('method', method);
    payload(data);
    const { timeout = this.#callTimeout, signal } = waiting(given);
    signal?.throwIfAborted();
    const late = () => neoError(
      'NEO_E_TIMEOUT',
      `${service}/${method} did not answer in ${timeout} ms: pass a longer timeout`,
    );
    if (timeout === 0) {
      // It has expired before it starts: nothing is sent.
      if (this.closed) {
        throw neoError('NEO_E_CLOSED', 'the kernel is closed: open it again to go on');
      }
      throw late();
    }
    const deadline = new Deadline(timeout);
    let key;
    try {
      key = native.kernelStartCall(this.#key, service, method, data);
    } catch (error) {
      throw lift(error);
    } finally {
      nudge();
    }
    try {
      const source = new Source(key, native.callWatch);
      for (;;) {
        const reply = native.callTryTake(key);
        if (reply !== null) return reply;
        if (!(await source.wait(deadline.left, signal))) throw late();
      }
    } catch (error) {
      throw signal?.aborted && error === signal.reason ? error : lift(error);
    } finally {
      native.callClose(key);
    }
  }

  /** What happened so far. */
  counters() {
    try {
      return native.kernelCounters(this.#key);
    } catch (error) {
      throw lift(error);
    }
  }

  /** Gives memory that nothing uses back to the system. Returns bytes. */
  trim() {
    try {
      return native.kernelTrim(this.#key);
    } catch (error) {
      throw lift(error);
    }
  }

  /**
   * Puts right what dead processes left at a kernel of `shm://`, and fires the wakes that others
   * asked for. Only a kernel opened with `thread: false` needs it: whenever `maintainFd` is readable,
   * or every few milliseconds.
   */
  maintain() {
    try {
      return native.kernelMaintain(this.#key);
    } catch (error) {
      throw lift(error);
    }
  }

  /** The descriptor that tells when to `maintain`; undefined for a kernel of one process. */
  get maintainFd() {
    try {
      return native.kernelMaintainFd(this.#key) ?? undefined;
    } catch (error) {
      throw lift(error);
    }
  }

  /**
   * This very kernel for an addon in C or C++: an External whose value points to a `neo_capsule_t`
   * of `neo.h`, which lives as long as the External.
   */
  external() {
    try {
      return native.kernelExternal(this.#key);
    } catch (error) {
      throw lift(error);
    }
  }

  /** Closes it and all that was made of it: whoever waits returns, what was received stays valid. */
  close() {
    if (!this.#held.isOpen) return;
    this.#held.isOpen = false;
    native.kernelClose(this.#key);
    nudge();
    release();
  }

  [DISPOSE]() {
    this.close();
  }

  async [ASYNC_DISPOSE]() {
    this.close();
  }
}

module.exports = { Kernel, OPEN };
