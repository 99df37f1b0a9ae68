// Judges requests to an upstream by OpenAI's own description of its API.
import assert from 'node:assert/strict';
import type { UpstreamRequest } from './loopback-upstream.ts';

/** Larger ones hold an image: the examiner would take seconds. */
const largest = 1_048_576;

/** Bodies of this process that were found valid: most scenarios send the same in every dialect. */
const found = new Set<string>();

/** What the gateway writes itself; the rest passes unread. */
const examined = new Set(['/v1/chat/completions', '/v1/responses']);

/** Asserts that each request is valid; without an examiner (a test file that runs alone) nothing is judged. */
export async function examine(requests: readonly UpstreamRequest[]): Promise<void> {
  const url = process.env['PLUGIN_GATEWAY_EXAMINER'];
  if (!url) return;
  for (const { path, body } of requests) {
    const text = body.toString();
    if (!examined.has(path) || text.length > largest || found.has(text)) continue;
    const response = await fetch(`${url}${path.replace('/v1', '')}`, {
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
