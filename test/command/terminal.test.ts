// What reaches a terminal.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { styleText } from 'node:util';
import { printable } from '../../src/command/terminal.ts';

test('D11: foreign texts cannot steer the terminal; line ends, tabs and colours stay', () => {
  const ours = `a\n\t${styleText('red', 'b', { validateStream: false })}`;
  assert.equal(printable(ours), ours);
  for (const steering of [
    '\u001b]0;title\u0007',
    '\u001b[2J',
    '\u001b[1A',
    '\u009b2J',
    '\r',
    '\b',
    '\u202e',
  ]) {
    // oxlint-disable-next-line no-control-regex -- these must not be there
    assert.doesNotMatch(printable(`a${steering}b`), /[\u0000-\u001f\u007f-\u009f\u202e]/);
  }
});
