'use strict';
// What wakes this environment. One poller serves everything that is awaited here; while messages are
// there nothing is awaited, and the native half is asked for no wake.

const { performance } = require('node:perf_hooks');

const { native } = require('./loader.cjs');
const { lift } = require('./errors.cjs');

/** Messages, and milliseconds, after which timers and I/O get a turn. */
const TURN_MESSAGES = 512;
const TURN_MS = 10;

/** Messages between two looks at the clock. */
const STRIDE = 32;

/** Longest delay that a timer takes. */
const DELAY_MAX = 0x7fffffff;

// ── turns

let began = 0;
let left = TURN_MESSAGES;
let nextTurn;

function begin() {
  began = performance.now();
  left = TURN_MESSAGES;
  nextTurn = undefined;
}

/** Counts `messages` of this turn. True: it is used up, await `turn()`. */
function isTurnOver(messages = 1) {
  const before = left;
  left -= messages;
  if (left <= 0) return true;
  // The clock is looked at where the count passes a multiple of the stride.
  return Math.trunc(before / STRIDE) !== Math.trunc(left / STRIDE)
    && performance.now() - began > TURN_MS;
}

/** Resolves in the next turn of the event loop. */
function turn() {
  nextTurn ??= new Promise((resolve) => {
    setImmediate(() => {
      begin();
      resolve();
    });
  });
  return nextTurn;
}

// ── the poller

/** Sources that are awaited, by the tokens that the poller has for them. */
const watched = new Map();
let poller;
let users = 0;
let lastToken = 0;
let isScheduled = false;

/** Awaited sources that keep the process alive, and the timer that does it for them. */
let keeping = 0;
let keeper;

function keepAlive(by) {
  keeping += by;
  if (keeping > 0) {
    keeper ??= setInterval(() => {}, DELAY_MAX);
    keeper.ref();
  } else {
    keeper?.unref();
  }
}

/** One user more of the poller, which is made for the first. */
function acquire() {
  users += 1;
  open();
}

function open() {
  if (poller !== undefined) return;
  poller = native.pollerOpen(onWake);
  deliver();
}

/** One user less. The poller goes with the last one, and with the last wait. */
function release() {
  users -= 1;
  closeIfUnused();
}

function closeIfUnused() {
  if (users > 0 || watched.size > 0 || poller === undefined) return;
  native.pollerClose(poller);
  poller = undefined;
  clearInterval(keeper);
  keeper = undefined;
}

function onWake() {
  begin();
  deliver();
}

/** Tells the waiters of every source that is ready. It ends armed: one wake will come. */
function deliver() {
  isScheduled = false;
  while (poller !== undefined) {
    for (const token of native.pollerTake(poller)) {
      const source = watched.get(token);
      // Watched again by whoever finds nothing and waits once more.
      if (source !== undefined) tell(source);
    }
    if (poller === undefined || native.pollerArm(poller)) return;
  }
}

/**
 * Has `deliver` run soon, without the way through the event loop: what this thread has just sent may
 * be for itself. But timers and I/O get their turns.
 */
function nudge() {
  if (isScheduled || watched.size === 0) return;
  isScheduled = true;
  if (performance.now() - began < TURN_MS) {
    queueMicrotask(deliver);
  } else {
    turn().then(deliver);
  }
}

function tell(source) {
  forget(source);
  const waiters = source.waiters;
  source.waiters = [];
  source.update();
  for (const waiter of waiters) waiter.end(true);
}

function forget(source) {
  if (!watched.delete(source.token)) return;
  native.pollerRemove(poller, source.token);
  closeIfUnused();
}

/** Something that can be awaited: a key of the native half, and how that watches it. */
class Source {
  #watch;
  #isRef = true;
  #isKept = false;

  constructor(key, watch) {
    this.key = key;
    this.#watch = watch;
    this.waiters = [];
    this.token = 0;
  }

  /**
   * Waits until the source may have something. False: `timeout` milliseconds passed. Rejects with
   * the signal's reason. Takes nothing, so an end by either loses nothing.
   */
  wait(timeout, signal) {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (timeout <= 0) return Promise.resolve(false);
    try {
      if (this.waiters.length === 0) this.#add();
    } catch (error) {
      return Promise.reject(lift(error));
    }
    return new Promise((resolve, reject) => {
      this.waiters.push(new Waiter(this, resolve, reject, timeout, signal));
      this.update();
    });
  }

  #add() {
    open();
    do {
      lastToken = lastToken === 0xffffffff ? 1 : lastToken + 1;
    } while (watched.has(lastToken));
    this.token = lastToken;
    this.#watch(this.key, poller, this.token);
    watched.set(this.token, this);
  }

  /** The source is over: who waits looks again and finds that out. */
  end() {
    if (this.waiters.length > 0) tell(this);
  }

  /** Takes a waiter away that waits no longer. */
  leave(waiter) {
    const at = this.waiters.indexOf(waiter);
    if (at >= 0) this.waiters.splice(at, 1);
    if (this.waiters.length === 0) forget(this);
    this.update();
  }

  /** Whether waits at it keep the process alive. */
  get isRef() {
    return this.#isRef;
  }

  setRef(isRef) {
    this.#isRef = isRef;
    for (const waiter of this.waiters) waiter.updateTimer();
    this.update();
  }

  update() {
    const isKept = this.#isRef && this.waiters.length > 0;
    if (isKept === this.#isKept) return;
    this.#isKept = isKept;
    keepAlive(isKept ? 1 : -1);
  }
}

class Waiter {
  #source;
  #resolve;
  #reject;
  #signal;
  #onAbort;
  #timer;

  constructor(source, resolve, reject, timeout, signal) {
    this.#source = source;
    this.#resolve = resolve;
    this.#reject = reject;
    if (timeout !== undefined && timeout !== Infinity) this.#start(timeout);
    if (signal !== undefined) {
      this.#signal = signal;
      this.#onAbort = () => {
        this.#leave();
        this.#reject(signal.reason);
      };
      signal.addEventListener('abort', this.#onAbort, { once: true });
    }
  }

  #start(timeout) {
    const delay = Math.min(Math.ceil(timeout), DELAY_MAX);
    this.#timer = setTimeout(() => {
      if (timeout > delay) {
        this.#start(timeout - delay);
      } else {
        this.#leave();
        this.#resolve(false);
      }
    }, delay);
    this.updateTimer();
  }

  updateTimer() {
    if (this.#source.isRef) {
      this.#timer?.ref();
    } else {
      this.#timer?.unref();
    }
  }

  /** Ends the wait by itself: the source is watched for the others only. */
  #leave() {
    this.#source.leave(this);
    this.#stop();
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  end(outcome) {
    this.#stop();
    this.#resolve(outcome);
  }
}

/** A time in milliseconds from now, counted down over several waits. */
class Deadline {
  #at;

  constructor(timeout) {
    if (timeout !== undefined && timeout !== Infinity) this.#at = performance.now() + timeout;
  }

  /** Undefined: for ever. */
  get left() {
    return this.#at === undefined ? undefined : Math.max(0, this.#at - performance.now());
  }
}

module.exports = { Deadline, Source, acquire, isTurnOver, nudge, release, turn };
