'use strict';
// Arguments, checked before they reach the native half: errors name the argument and what it takes.

const { types } = require('node:util');

function shown(value) {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40));
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'object' && value !== null) return `a ${value.constructor?.name ?? 'object'}`;
  return String(value);
}

function wrongType(what, wanted, value) {
  const error = new TypeError(`${what}: pass ${wanted}, not ${shown(value)}`);
  error.code = 'ERR_INVALID_ARG_TYPE';
  return error;
}

function outOfRange(what, wanted, value) {
  const error = new RangeError(`${what}: pass ${wanted}, not ${shown(value)}`);
  error.code = 'ERR_OUT_OF_RANGE';
  return error;
}

function text(what, value) {
  if (typeof value !== 'string') throw wrongType(what, 'a string', value);
  return value;
}

function flag(what, value) {
  if (typeof value !== 'boolean') throw wrongType(what, 'true or false', value);
  return value;
}

/** A whole number from `min` to `max`. */
function integer(what, value, max = Number.MAX_SAFE_INTEGER, min = 0) {
  if (typeof value !== 'number') throw wrongType(what, 'a whole number', value);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw outOfRange(what, `a whole number from ${min} to ${max}`, value);
  }
  return value;
}

const U32 = 0xffffffff;

/** A time in milliseconds; Infinity is for ever. */
function milliseconds(what, value) {
  if (typeof value !== 'number') throw wrongType(what, 'milliseconds', value);
  if (!(value >= 0)) throw outOfRange(what, 'milliseconds of 0 or more, or Infinity', value);
  return value;
}

function callback(what, value) {
  if (typeof value !== 'function') throw wrongType(what, 'a function', value);
  return value;
}

function signalOf(what, value) {
  if (typeof value?.addEventListener !== 'function' || typeof value.aborted !== 'boolean') {
    throw wrongType(what, 'an AbortSignal', value);
  }
  return value;
}

/** The options of a call, checked key by key; those that are missing or undefined are left out. */
function options(of, given, checks) {
  const checked = {};
  if (given === undefined || given === null) return checked;
  if (typeof given !== 'object') throw wrongType(`the options of ${of}`, 'an object', given);
  for (const [key, value] of Object.entries(given)) {
    const check = Object.hasOwn(checks, key) ? checks[key] : undefined;
    if (check === undefined) {
      const known = Object.keys(checks).join(', ');
      throw wrongType(`the options of ${of}`, known, `${key}`);
    }
    if (value !== undefined) checked[key] = check(key, value);
  }
  return checked;
}

/** A payload; the native half looks only at what this lets through. */
function payload(value) {
  if (types.isUint8Array(value)) return value;
  const way = typeof value === 'string' ? 'Buffer.from(text)' : 'a Buffer or a Uint8Array';
  throw wrongType('payload', way, value);
}

/** Payloads, in an array of our own: nobody's getters run while they are read. */
function payloads(values) {
  if (typeof values?.[Symbol.iterator] !== 'function' || typeof values === 'string'
    || types.isUint8Array(values)) {
    throw wrongType('payloads', 'an array of Buffers', values);
  }
  return Array.from(values, payload);
}

const is32 = (what, value) => integer(what, value, U32);

const TIMES = Object.freeze({ timeout: milliseconds, signal: signalOf });
const NOTHING = Object.freeze({});

/** `timeout` and `signal`: what everything that waits takes. */
function waiting(given) {
  return given === undefined ? NOTHING : options('a wait', given, TIMES);
}

module.exports = {
  TIMES, callback, flag, integer, is32, milliseconds, options, payload, payloads, signalOf, text,
  waiting, wrongType,
};
