'use strict';
// Services: requests are pulled, or answered by a handler.

const { native } = require('./loader.cjs');
const { lift, neoError } = require('./errors.cjs');
const { isTurnOver, nudge, turn } = require('./hub.cjs');
const { payload, text } = require('./options.cjs');
const { Receiver } = require('./receiver.cjs');
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

  /**
   * Answers with what a handler returned or threw, unless it has answered or given up by itself;
   * without either the caller gets NoReply.
   * @private
   */
  finish(answer, error) {
    if (this.#isOver) return;
    try {
      if (!this.#isAnswered && error !== undefined) {
        this.replyError(textOf(error));
      } else if (!this.#isAnswered && answer !== undefined && answer !== null) {
        this.reply(answer);
      }
    } catch (failure) {
      // What the handler returned is no payload. Of one that has no room the caller was told.
      if (!this.#isAnswered) this.replyError(textOf(failure));
    } finally {
      this.release();
    }
  }

  [DISPOSE]() {
    this.release();
  }
}

const KIND = {
  watch: native.serviceWatch,
  close: native.serviceClose,
  lost: reclaim(native.serviceClose),
  nothing: 'no request for',
  closed: 'the service is closed: serve it again to go on',
};

/** A worker of a service. A request goes to one caller. */
class Service extends Receiver {
  #name;
  #running = new Set();

  /** @private */
  constructor(key, name) {
    super(KIND, key, name);
    this.#name = name;
  }

  /** The service's name. */
  get name() {
    return this.#name;
  }

  /** The next request; undefined if none is there. */
  tryRecv() {
    try {
      const key = native.serviceTryRecv(this.live());
      return key === null ? undefined : new Request(key);
    } catch (error) {
      throw lift(error);
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
          await this.wait();
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
      request.finish(undefined, error);
      return undefined;
    }
    if (typeof answer?.then !== 'function') {
      request.finish(answer);
      return undefined;
    }
    return Promise.resolve(answer).then(
      (value) => request.finish(value),
      (error) => request.finish(undefined, error),
    );
  }

  /** Closes it and waits for the handlers that run. */
  async closeAndJoin() {
    this.close();
    await Promise.all(this.#running);
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

module.exports = { Request, Service };
