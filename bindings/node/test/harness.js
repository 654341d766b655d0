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

/** Collections and turns after which what nobody holds is gone, unless a thread beside was kept waiting. */
const TURNS = 50;

/** Far beyond what any thread is kept waiting for. */
const PATIENCE_MS = 30_000;

async function collect() {
  gc();
  await nextTurn();
  return neo.live();
}

/** What is still alive when the garbage is collected. */
async function alive() {
  let live = await collect();
  for (let i = 1; i < TURNS && Object.keys(live).length > 0; i += 1) live = await collect();
  return live;
}

/** What is still alive although everything was given back. */
async function left() {
  const end = performance.now() + PATIENCE_MS;
  let live = await alive();
  while (Object.keys(live).length > 0 && performance.now() < end) live = await collect();
  return live;
}

/** A test after which nothing may be alive. */
function test(name, options, body = options) {
  plain(name, body === options ? {} : options, async (context) => {
    await body(context);
    assert.deepEqual(await left(), {}, 'these are alive after the test');
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

module.exports = {
  alive, assert, bytes, gc, left, neo, nextTurn, plain, root, run, test, texts, withKernel,
};
