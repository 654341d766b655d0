// Tells each test as it ends, and the sum in the line that the task runner reads.

export default async function* reporter(source) {
  const counts = { passed: 0, failed: 0, ignored: 0 };
  for await (const { type, data } of source) {
    if (type === 'test:stdout' || type === 'test:stderr') yield data.message;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    // A file is not a test, unless it broke.
    const isFile = data.name.endsWith('.js') || data.details?.type === 'suite';
    if (type === 'test:pass' && isFile) continue;
    const isSkipped = data.skip !== undefined;
    if (type === 'test:fail') counts.failed += 1;
    else if (isSkipped) counts.ignored += 1;
    else counts.passed += 1;
    const how = type === 'test:fail' ? 'FAILED' : isSkipped ? `ignored, ${data.skip}` : 'ok';
    yield `test ${data.name} ... ${how}\n`;
    if (type === 'test:fail') {
      const error = data.details.error;
      yield `${(error.cause?.stack ?? error.stack ?? String(error)).replace(/^/gm, '  ')}\n`;
    }
  }
  const { passed, failed, ignored } = counts;
  const word = failed === 0 ? 'ok' : 'FAILED';
  yield `test result: ${word}. ${passed} passed; ${failed} failed; ${ignored} ignored\n`;
}
