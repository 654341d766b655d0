'use strict';
// Errors of the kernel, by the codes of its table.

const { native } = require('./loader.cjs');

/** What every error of the kernel is; `code` is `NEO_E_…`. */
class NeoError extends Error {
  constructor(message, code = 'NEO_E_INTERNAL', options = undefined) {
    super(message, options);
    this.code = code;
  }

  get name() {
    return this.constructor.name;
  }

  /** The code's number, as it stands in the C header. */
  get number() {
    return NUMBERS.get(this.code) ?? NUMBERS.get('NEO_E_INTERNAL');
  }
}

const NUMBERS = new Map();

/** The symbols of all codes: `codes.CLOSED === 'NEO_E_CLOSED'`. */
const codes = Object.create(null);

/** The class of each code, and under its name, to be exported. */
const CLASSES = new Map();
const classes = { NeoError };

function className(symbol) {
  const words = symbol.slice('NEO_E_'.length).toLowerCase().split('_');
  return `${words.map((word) => word[0].toUpperCase() + word.slice(1)).join('')}Error`;
}

for (const { number, symbol } of native.codes()) {
  const name = className(symbol);
  const made = {
    [name]: class extends NeoError {
      constructor(message, options) {
        super(message, symbol, options);
      }
    },
  }[name];
  NUMBERS.set(symbol, number);
  codes[symbol.slice('NEO_E_'.length)] = symbol;
  CLASSES.set(symbol, made);
  classes[name] = made;
}
Object.freeze(codes);

/** An error of the class that the code stands for. */
function neoError(code, message, options) {
  const Class = CLASSES.get(code);
  return Class ? new Class(message, options) : new NeoError(message, code, options);
}

/** What the native half threw, as users see it; other errors as they are. */
function lift(error) {
  if (error === null || typeof error !== 'object' || error.constructor !== Error) return error;
  const [code, errno] = String(error.code).split(':');
  if (!CLASSES.has(code)) {
    // Node-API's own words, such as those for a thread that is ending.
    return neoError('NEO_E_INTERNAL', error.message, { cause: error });
  }
  const lifted = neoError(code, error.message);
  // Negative, as Node's own errors have it: for util.getSystemErrorName.
  if (errno !== undefined) lifted.errno = -Number(errno);
  Error.captureStackTrace(lifted, lift);
  return lifted;
}

module.exports = { classes, codes, neoError, lift };
