// Loaded into a gateway that is measured: says, when asked over Node's channel, how many bytes its heap has given out.
import { getHeapStatistics } from 'node:v8';

process.on('message', () => process.send?.(getHeapStatistics().total_allocated_bytes));
// The gateway ends as it would without.
process.channel?.unref();
