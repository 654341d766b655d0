'use strict';
// Neo: an embeddable messaging kernel. `index.d.cts` documents all of it.

const { native } = require('./loader.cjs');
const { NeoClient } = require('./client.cjs');
const { emitter } = require('./emitter.cjs');
const { classes, codes } = require('./errors.cjs');
const { Kernel } = require('./kernel.cjs');
const { Message } = require('./message.cjs');
const { Loan, Publisher } = require('./publisher.cjs');
const { Request, Service } = require('./service.cjs');
const { Subscription } = require('./subscription.cjs');

module.exports = {
  Kernel,
  Loan,
  Message,
  NeoClient,
  Publisher,
  Request,
  Service,
  Subscription,
  codes,
  emitter,
  live: native.live,
  ...classes,
};
