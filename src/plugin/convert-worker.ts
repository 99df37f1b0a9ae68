// The worker's side of `converter.ts`: converts a document, and hands its operations over in portions.
import { parentPort, type MessagePort } from 'node:worker_threads';
import type { Diagnostic } from '../openapi/diagnostic.ts';
import { convertDocument, countValues, type Conversion, type ConversionJob } from './convert.ts';
import type { Operation } from './operation.ts';

/** What the worker is asked: a document, then, while there is more, its further operations. */
export type WorkerQuestion = { readonly job: ConversionJob } | 'more';

/** What it answers. */
export type WorkerAnswer =
  | {
      /** In the first answer of a job alone. */
      readonly head: {
        readonly info: Conversion['info'];
        readonly diagnostics: readonly Diagnostic[];
      } | null;
      readonly operations: readonly Operation[];
      readonly more: boolean;
    }
  | { readonly fault: string };

/** A portion is taken over in one go by a thread that has chats to serve: about 20 ms. */
const portion = 50_000;

// A worker begins here; imported anywhere else, this does nothing.
if (parentPort) serve(parentPort);

function serve(port: MessagePort): void {
  let rest: Operation[] = [];
  const answer = (question: WorkerQuestion): WorkerAnswer => {
    if (question === 'more') return { head: null, operations: take(rest), more: rest.length > 0 };
    const { operations, ...head } = convertDocument(question.job);
    rest = [...operations];
    return { head, operations: take(rest), more: rest.length > 0 };
  };
  port.on('message', (question: WorkerQuestion) => {
    let said: WorkerAnswer;
    try {
      said = answer(question);
    } catch (error) {
      said = { fault: String(error) };
    }
    port.postMessage(said);
  });
}

/** Takes the next portion from the front of a list. What its operations share crosses once. */
function take(operations: Operation[]): Operation[] {
  const seen = new Set<unknown>();
  let values = 0;
  let count = 0;
  while (count < operations.length && values < portion) {
    values += countValues(operations[count], portion, seen);
    count += 1;
  }
  return operations.splice(0, count);
}
