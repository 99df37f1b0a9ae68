// Every recorded stream, decoded under 200 random re-chunkings of its bytes: the events are the same (`wire.md` D1).
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test, { describe } from 'node:test';
import { EventDecoder } from '../../src/openai/event-stream.ts';
import { cutAt, rechunk, seededRandom } from '../gateway/rechunk.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';

const rechunkings = 200;
/** Of a longer stream its beginning and end are cut: the middle repeats them. */
const longest = 2_048;

const folder = `${sharedFolder()}/recordings`;
const streams = needsShared.skip
  ? []
  : readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.includes('__chat__') && file.endsWith('.sse'),
    );

describe('recorded streams', needsShared, () => {
  for (const [provider, files] of Map.groupBy(streams, (file) => file.split('/')[0] ?? '')) {
    test(`${provider}: ${files.length} streams, ${rechunkings} re-chunkings each`, async () => {
      for (const file of files) await assertSameEvents(file);
    });
  }
});

async function assertSameEvents(file: string): Promise<void> {
  const bytes = shortened(readFileSync(`${folder}/${file}`));
  const whole = decode([bytes]);
  for (let seed = 0; seed < rechunkings; seed++) {
    assert.equal(decode(pieces(bytes, seed)), whole, `${file}, seed ${seed}`);
  }
}

/** Now a few cuts, now many, once at every byte. */
function pieces(bytes: Uint8Array, seed: number): Uint8Array[] {
  if (seed === 0) return cutAt(bytes, seed, bytes.length);
  return rechunk(bytes, seed, 2 ** (3 + Math.floor(seededRandom(seed)() * 8)));
}

function shortened(bytes: Buffer): Buffer {
  if (bytes.length <= longest) return bytes;
  return Buffer.concat([bytes.subarray(0, longest / 2), bytes.subarray(-longest / 2)]);
}

/** All events, as one text: comparing it is cheap. */
function decode(parts: readonly Uint8Array[]): string {
  const events: string[] = [];
  const decoder = new EventDecoder({ maxEventBytes: 1_048_576, onEvent: (data) => events.push(data) });
  parts.forEach((part) => decoder.push(part));
  decoder.end();
  return events.join('\u0000');
}
