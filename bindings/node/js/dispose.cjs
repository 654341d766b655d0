'use strict';
// Ends of handles: by the symbols of `using`, where the engine has them, and by the garbage collector.

const DISPOSE = Symbol.dispose ?? Symbol.for('Symbol.dispose');
const ASYNC_DISPOSE = Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose');

/** Gives up the keys of objects that were collected without having been closed. */
function reclaim(giveUp) {
  return new FinalizationRegistry(giveUp);
}

module.exports = { ASYNC_DISPOSE, DISPOSE, reclaim };
