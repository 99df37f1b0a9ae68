// The requests of the load, and how an answer to them is known to be right.
import { chatPath, requestHeaders } from './closed-load.ts';
import type { Way } from './ways.ts';

/** A chat request of a size in bytes (2 KB when absent). The model names what the upstream plays. */
export function chat(model: string, options: { stream?: boolean; bytes?: number } = {}): string {
  const { stream = false, bytes = 2_000 } = options;
  const request = (content: string) =>
    JSON.stringify({
      model,
      messages: [
        { role: 'system', content: 'You are a helpful assistant.' },
        { role: 'user', content },
      ],
      stream,
      temperature: 0.7,
    });
  const words = 'What does the "fox" do, and what does the dog say to it?\n';
  const room = bytes - request('').length;
  // A line has three characters that JSON escapes.
  return request(words.repeat(Math.max(1, Math.round(room / (words.length + 3)))));
}

/** Sends a request once through a way. Throws unless it is answered, to its end, as the upstream ends. */
export async function check(way: Way, body: string): Promise<void> {
  const answer = await fetch(`${way.origin}${chatPath}`, {
    method: 'POST',
    headers: requestHeaders(way),
    body,
    signal: AbortSignal.timeout(30_000),
  });
  const text = await answer.text();
  const complete = body.includes('"stream":true')
    ? text.endsWith('data: [DONE]\n\n') && text.includes('"finish_reason":"stop"')
    : text.includes('quick brown fox') && text.includes('"stop"');
  if (answer.status !== 200 || !complete)
    throw new Error(`${way.name} answers ${answer.status}: ${text.slice(0, 500)}`);
}
