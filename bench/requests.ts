// The requests of the load, and how an answer to them is known to be right.
import { randomBytes } from 'node:crypto';
import { chatPath, requestHeaders } from './closed-load.ts';
import type { Way } from './ways.ts';

interface ChatOptions {
  readonly stream?: boolean;
  /** Questions and answers before the last question, of 3 KB together. */
  readonly turns?: number;
  /** Size of an image in the last question, in bytes of base64. */
  readonly image?: number;
}

/** A chat request; its last question has 2 KB. The model names what the upstream plays. */
export function chat(model: string, { stream = false, turns = 0, image = 0 }: ChatOptions = {}): string {
  const earlier = Array.from({ length: turns }, (_, turn) => [
    { role: 'user', content: lines(`Question ${turn}: what does the "fox" do?`, 600) },
    { role: 'assistant', content: lines('```ts\nconst fox = { jumps: ["over", "it"] };\n```', 2_400) },
  ]);
  const text = lines('What does the "fox" do, and what does the dog say to it?', 1_850);
  const url = `data:image/png;base64,${randomBytes(image).toString('base64').slice(0, image)}`;
  const seen = [
    { type: 'text', text },
    { type: 'image_url', image_url: { url } },
  ];
  const messages = [
    { role: 'system', content: 'You are a helpful assistant.' },
    ...earlier.flat(),
    { role: 'user', content: image > 0 ? seen : text },
  ];
  return JSON.stringify({ model, messages, stream, temperature: 0.7 });
}

/** A line again and again, until the text has a size in bytes of JSON. */
function lines(line: string, bytes: number): string {
  return `${line}\n`.repeat(Math.max(1, Math.round(bytes / (JSON.stringify(line).length + 1))));
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
