// Loaded into a gateway that is measured: says, when asked over Node's channel, what its heap has given out, or holds.
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export type Asked = 'allocated' | 'held';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const answers: Readonly<Record<Asked, () => number>> = {
  allocated: () => getHeapStatistics().total_allocated_bytes,
  held() {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  },
};

process.on('message', (asked: Asked) => process.send?.(answers[asked]()));
// The gateway ends as it would without.
process.channel?.unref();
