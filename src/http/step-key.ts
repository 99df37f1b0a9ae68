// The names of a run's steps, by which an attempt that takes the run up finds what is on the tape (`wire.md` T5).
import { createHash } from 'node:crypto';
import { memberText, type ChatRequest } from '../openai/request.ts';

/**
 * Names the steps of one attempt: the first one, and each later one by what was appended to the messages, so that the
 * choices of one answer (M6) are told apart whatever order they come in.
 */
export function createStepKey(): (request: ChatRequest) => string {
  let first: ChatRequest | null = null;
  let head = -1;
  return (request) => {
    if (first === null) {
      first = request;
      return 'first';
    }
    // Most runs have one step: the length of its messages without the closing bracket is not asked for before.
    if (head < 0) head = messagesOf(first).slice(0, -1).trimEnd().length;
    const digest = createHash('sha256').update(messagesOf(request).slice(head));
    return digest.update(memberText(request, 'tool_choice') ?? '').digest('base64');
  };
}

function messagesOf(request: ChatRequest): string {
  return (memberText(request, 'messages') ?? '').trimEnd();
}
