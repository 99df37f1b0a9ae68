// The worker's side of `mend-json.ts`: one text, then it ends.
import { parentPort, workerData } from 'node:worker_threads';
import { jsonrepair } from 'jsonrepair';

// A worker begins here; imported anywhere else, this does nothing. What it throws reaches the other side as `error`.
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker is no window
parentPort?.postMessage(jsonrepair(String(workerData)));
