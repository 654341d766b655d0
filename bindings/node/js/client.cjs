'use strict';
// `NeoClient`: a kernel that is opened when it is connected.

const { neoError } = require('./errors.cjs');
const { Kernel, OPEN } = require('./kernel.cjs');
const { options, text } = require('./options.cjs');
const { ASYNC_DISPOSE, DISPOSE } = require('./dispose.cjs');

/** Topics whose publishers a client keeps for `publish`. */
const PUBLISHERS_MAX = 64;

/**
 * A kernel by its URL. `new NeoClient()` means what the environment variable NEO_URL names when it
 * connects, else `mem://default`. It may be connected again after it was closed.
 */
class NeoClient {
  #url;
  #options;
  #kernel;
  #publishers = new Map();

  constructor(url, given) {
    if (url !== undefined) text('url', url);
    this.#url = url;
    this.#options = options('NeoClient', given, OPEN);
  }

  /** Opens the kernel; does nothing if it is open. */
  async connect() {
    this.#kernel ??= Kernel.open(this.#url, this.#options);
    return this;
  }

  /** The kernel. */
  get kernel() {
    if (this.#kernel !== undefined) return this.#kernel;
    throw neoError('NEO_E_CLOSED', 'the client is not connected: await connect() first');
  }

  /** The URL; undefined before it is connected, if the environment names it. */
  get url() {
    return this.#kernel === undefined ? this.#url : this.#kernel.url;
  }

  /** Whether it is not connected. */
  get closed() {
    return this.#kernel === undefined;
  }

  /** As `Kernel.subscribe`. */
  subscribe(pattern, given) {
    return this.kernel.subscribe(pattern, given);
  }

  /** As `Kernel.publisher`. */
  publisher(topic, given) {
    return this.kernel.publisher(topic, given);
  }

  /** Publishes one message to a topic by name; waits for room as `Publisher.publishAsync` does. */
  async publish(topic, data, given) {
    return this.#publisher(topic).publishAsync(data, given);
  }

  #publisher(topic) {
    const { kernel } = this;
    let publisher = this.#publishers.get(topic);
    if (publisher === undefined) {
      publisher = kernel.publisher(topic);
      if (this.#publishers.size >= PUBLISHERS_MAX) {
        // Not closed: somebody may wait in it. It goes when nobody does.
        this.#publishers.delete(this.#publishers.keys().next().value);
      }
      this.#publishers.set(topic, publisher);
    }
    return publisher;
  }

  /** As `Kernel.serve`. */
  serve(name, handler, given) {
    return this.kernel.serve(name, handler, given);
  }

  /** As `Kernel.call`. */
  async call(service, method, data, given) {
    return this.kernel.call(service, method, data, given);
  }

  /** As `Kernel.counters`. */
  counters() {
    return this.kernel.counters();
  }

  /** Closes the kernel and all that was made of it; what was received stays valid. */
  close() {
    const kernel = this.#kernel;
    this.#kernel = undefined;
    for (const publisher of this.#publishers.values()) publisher.close();
    this.#publishers.clear();
    kernel?.close();
  }

  [DISPOSE]() {
    this.close();
  }

  async [ASYNC_DISPOSE]() {
    this.close();
  }
}

module.exports = { NeoClient };
