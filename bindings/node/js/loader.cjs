'use strict';
// Finds the native half: of the platform's package, or built in place, or where NEO_NATIVE_PATH says.

const path = require('node:path');

function isMusl() {
  const report = process.report?.getReport();
  return report !== undefined && report.header.glibcVersionRuntime === undefined;
}

/** The platform as packages name it: `linux-x64-gnu`, `darwin-arm64`, `win32-x64-msvc`. */
function triple() {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

/** Where the native half may be, in the order in which it is looked for. */
function places(name) {
  const given = process.env.NEO_NATIVE_PATH;
  const found = [
    `@neo-protocol/${name}`,
    path.join(__dirname, '..', 'native', `neo.${name}.node`),
  ];
  return given ? [path.resolve(given), ...found] : found;
}

function load() {
  const name = triple();
  const failures = [];
  for (const place of places(name)) {
    try {
      return require(place);
    } catch (error) {
      failures.push({ place, error });
    }
  }
  const tried = failures.map(({ place, error }) => `  ${place}: ${error.message.split('\n')[0]}`);
  const failure = new Error(
    `neo-protocol found no native module for ${name}. It tried:\n${tried.join('\n')}\n` +
      'Install it again without --omit=optional; if package-lock.json was made on another ' +
      'platform, remove it and node_modules first (npm issue 4828). Or set NEO_NATIVE_PATH to ' +
      'the path of the .node file.',
    { cause: failures.at(-1).error },
  );
  failure.code = 'MODULE_NOT_FOUND';
  throw failure;
}

module.exports = { native: load(), triple };
