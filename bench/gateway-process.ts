// The gateway of the benchmark, a process of its own. Its configuration comes as the first argument, in JSON.
import { createApp } from '../src/app.ts';
import type { Config } from '../src/config/schema.ts';

const app = await createApp(JSON.parse(process.argv[2] ?? '{}') as Config);
process.send?.(await app.listen());
process.on('message', () => process.send?.(process.memoryUsage().rss));
process.on('disconnect', () => process.exit());
