'use strict';
// Tests that end with nothing alive: each is followed by a look at the kernel's own counters.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const path = require('node:path');
const { test: plain } = require('node:test');
const { setImmediate: nextTurn } = require('node:timers/promises');
const v8 = require('node:v8');
const vm = require('node:vm');

const neo = require('../js/index.cjs');

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

/** Collections and turns after which what nobody holds is certainly gone. */
const PATIENCE = 50;

/** What is still alive when the garbage is collected. */
async function alive() {
  for (let i = 0; i < PATIENCE; i += 1) {
    gc();
    await nextTurn();
    if (Object.keys(neo.live()).length === 0) break;
  }
  return neo.live();
}

/** A test after which nothing may be alive. */
function test(name, options, body = options) {
  plain(name, body === options ? {} : options, async (context) => {
    await body(context);
    assert.deepEqual(await alive(), {}, 'these are alive after the test');
  });
}

/** A kernel that is closed at the end. */
async function withKernel(options, body = options) {
  const kernel = neo.Kernel.open('mem://', body === options ? {} : options);
  try {
    return await body(kernel);
  } finally {
    kernel.close();
  }
}

const root = path.join(__dirname, '..');

/** Runs a program in a process of its own: what it printed, and how it ended. */
function run(code, { args = [], flags = [], timeout = 60_000, env = {}, onSpawn } = {}) {
  return new Promise((resolve) => {
    const words = [...flags, '-e', code, ...args];
    const environment = { ...process.env, NEO: path.join(root, 'js/index.cjs'), ...env };
    delete environment.NODE_TEST_CONTEXT;
    const settings = { env: environment, timeout, killSignal: 'SIGKILL', maxBuffer: 1 << 26 };
    const child = execFile(process.execPath, words, settings, (error, stdout, stderr) => {
      resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr });
    });
    onSpawn?.(child);
  });
}

const bytes = (text) => Buffer.from(text);
const texts = (messages) => messages.map((message) => message.data.toString());

module.exports = { alive, assert, bytes, gc, neo, nextTurn, plain, root, run, test, texts, withKernel };
