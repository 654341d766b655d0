'use strict';
// A subscription as an EventEmitter, for code that wants one.

const { EventEmitter } = require('node:events');

/**
 * Emits `message` for each message of a subscription, `error` if it ends with one, and `end`. It
 * takes the subscription over: nobody else is to receive from it. What a listener throws is an
 * uncaught exception, as in any emitter, and the messages go on.
 */
function emitter(subscription) {
  const events = new EventEmitter();
  const pump = async () => {
    for await (const message of subscription) {
      try {
        events.emit('message', message);
      } catch (error) {
        process.nextTick(() => {
          throw error;
        });
      }
    }
  };
  // Not before the caller has its listeners.
  process.nextTick(() => {
    pump().then(
      () => events.emit('end'),
      (error) => events.emit('error', error),
    );
  });
  return events;
}

module.exports = { emitter };
