// Judges requests to an upstream by OpenAI's own description of its API.
import assert from 'node:assert/strict';
import type { UpstreamRequest } from './loopback-upstream.ts';

/** Larger ones hold an image: the examiner would take seconds. */
const largest = 1_048_576;

/** Bodies of this process that were found valid: most scenarios send the same in every dialect. */
const found = new Set<string>();

/** Asserts that each request is valid; without an examiner (a test file that runs alone) nothing is judged. */
export async function examine(chats: readonly UpstreamRequest[]): Promise<void> {
  const url = process.env['PLUGIN_GATEWAY_EXAMINER'];
  if (!url) return;
  for (const { body } of chats) {
    const text = body.toString();
    if (text.length > largest || found.has(text)) continue;
    const response = await fetch(`${url}/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: 'Bearer sk-examined' },
      body: text,
    });
    await response.body?.cancel();
    const faults = [...response.headers].filter(([name]) => name.startsWith('x-steady-error'));
    // Stricter than its `x-steady-request-valid`: what it is unsure about counts, too.
    assert.equal(
      response.headers.get('x-steady-error-count'),
      '0',
      `OpenAI's description refuses ${text.slice(0, 2_000)}: ${JSON.stringify(faults)}`,
    );
    found.add(text);
  }
}
