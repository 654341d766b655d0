'use strict';
// Services: requests are pulled, or answered by a handler.

const { native } = require('./loader.cjs');
const { lift, neoError } = require('./errors.cjs');
const { Deadline, Source, isTurnOver, nudge, turn } = require('./hub.cjs');
const { payload, text, waiting } = require('./options.cjs');
const { ASYNC_DISPOSE, DISPOSE, reclaim } = require('./dispose.cjs');

const lostRequests = reclaim(native.requestRelease);

/** A request with the right to answer it once. Released unanswered, its caller gets NoReply. */
class Request {
  #key;
  #method;
  #data;
  #isAnswered = false;
  #isOver = false;

  /** @private */
  constructor(key) {
    this.#key = key;
    lostRequests.register(this, key, this);
  }

  /** The method that was called. */
  get method() {
    return (this.#method ??= native.requestMethod(this.#live()));
  }

  /** The argument. */
  get data() {
    return (this.#data ??= native.requestData(this.#live()));
  }

  /** Whether it was answered. */
  get answered() {
    return this.#isAnswered;
  }

  #live() {
    if (!this.#isOver) return this.#key;
    throw neoError('NEO_E_MISUSE', 'the request was released: a request has one answer');
  }

  #answer(send, value) {
    const key = this.#live();
    try {
      send(key, value);
    } catch (error) {
      throw lift(error);
    } finally {
      this.#isAnswered = true;
      nudge();
    }
  }

  /** Answers with a payload. */
  reply(data) {
    this.#answer(native.requestReply, payload(data));
  }

  /** Answers with an error: the caller gets a ServiceError with this text, of which 180 bytes travel. */
  replyError(message) {
    this.#answer(native.requestFail, text('message', message));
  }

  /** Gives the request up. */
  release() {
    if (this.#isOver) return;
    this.#isOver = true;
    lostRequests.unregister(this);
    native.requestRelease(this.#key);
    nudge();
  }

  [DISPOSE]() {
    this.release();
  }
}

const lost = reclaim(native.serviceClose);

/** A worker of a service. A request goes to one caller. */
class Service {
  #key;
  #name;
  #source;
  #isClosed = false;
  #running = new Set();

  /** @private */
  constructor(key, name) {
    this.#key = key;
    this.#name = name;
    this.#source = new Source(key, native.serviceWatch);
    lost.register(this, key, this);
  }

  /** The service's name. */
  get name() {
    return this.#name;
  }

  /** Whether `close` was called. */
  get closed() {
    return this.#isClosed;
  }

  /** The next request; undefined if none is there. */
  tryRecv() {
    if (this.#isClosed) {
      throw neoError('NEO_E_CLOSED', 'the service is closed: serve it again to go on');
    }
    try {
      const key = native.serviceTryRecv(this.#key);
      return key === null ? undefined : new Request(key);
    } catch (error) {
      throw lift(error);
    }
  }

  /** The next request. TimeoutError after `timeout` ms, the signal's reason if it is aborted. */
  async recv(given) {
    const { timeout, signal } = waiting(given);
    signal?.throwIfAborted();
    const deadline = new Deadline(timeout);
    for (;;) {
      const request = this.tryRecv();
      if (request !== undefined) return request;
      if (!(await this.#source.wait(deadline.left, signal))) {
        throw neoError('NEO_E_TIMEOUT', `no request for "${this.#name}" came in ${timeout} ms`);
      }
    }
  }

  /** Requests as they come. Ends when the service or its kernel is closed. */
  async *[Symbol.asyncIterator]() {
    for (;;) {
      let request;
      try {
        request = await this.recv();
      } catch (error) {
        if (error.code === 'NEO_E_CLOSED') return;
        throw error;
      }
      yield request;
      if (isTurnOver()) await turn();
    }
  }

  /**
   * Answers with what `handler` returns or throws, at most `concurrency` requests at a time: those
   * beyond stay in the mailbox, where callers feel the backpressure.
   * @private
   */
  start(handler, concurrency) {
    const work = async () => {
      for (;;) {
        let request;
        try {
          request = this.tryRecv();
        } catch {
          // It was closed, or its kernel was.
          this.close();
          return;
        }
        if (request === undefined) {
          await this.#source.wait();
          continue;
        }
        const answer = this.#handle(request, handler);
        if (answer !== undefined) {
          this.#running.add(answer);
          answer.finally(() => this.#running.delete(answer));
          if (this.#running.size >= concurrency) await Promise.race(this.#running);
        }
        if (isTurnOver()) await turn();
      }
    };
    work();
  }

  /** Runs the handler; a promise if it goes on. */
  #handle(request, handler) {
    let answer;
    try {
      answer = handler(request);
    } catch (error) {
      finish(request, undefined, error);
      return undefined;
    }
    if (typeof answer?.then !== 'function') {
      finish(request, answer);
      return undefined;
    }
    return Promise.resolve(answer).then(
      (value) => finish(request, value),
      (error) => finish(request, undefined, error),
    );
  }

  /** Whether waiting for requests keeps the process alive: it does until `unref`. */
  ref() {
    this.#source.setRef(true);
    return this;
  }

  unref() {
    this.#source.setRef(false);
    return this;
  }

  /**
   * Leaves the service: whoever waits for requests returns; those that nobody is left to take are
   * answered with NoReply. Handlers that run go on.
   */
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    lost.unregister(this);
    native.serviceClose(this.#key);
    this.#source.end();
    nudge();
  }

  /** Closes it and waits for the handlers that run. */
  async closeAndJoin() {
    this.close();
    await Promise.all(this.#running);
  }

  [DISPOSE]() {
    this.close();
  }

  [ASYNC_DISPOSE]() {
    return this.closeAndJoin();
  }
}

/** What the caller is told of something that was thrown. */
function textOf(error) {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'Error' ? error.message : `${error.name}: ${error.message}`;
}

/** Answers with what a handler returned or threw; without either the caller gets NoReply. */
function finish(request, answer, error) {
  try {
    if (!request.answered && error !== undefined) {
      request.replyError(textOf(error));
    } else if (!request.answered && answer !== undefined && answer !== null) {
      request.reply(answer);
    }
  } catch (failure) {
    // What the handler returned is no payload. Of one that has no room the caller was told.
    if (!request.answered) request.replyError(textOf(failure));
  } finally {
    request.release();
  }
}

module.exports = { Request, Service };
