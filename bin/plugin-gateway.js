#!/usr/bin/env node
// Starts the command line: the TypeScript sources of a checkout, or the compiled files of a release.
import { existsSync } from 'node:fs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 12)) {
  process.stderr.write(
    `plugin-gateway needs Node 24.12 or later, this is ${process.version}. ` +
      'In a checkout, "npm ci" installs one: start it with "npx plugin-gateway" or "npm start".\n',
  );
  process.exit(78);
}
const sources = new URL('../src/main.ts', import.meta.url);
const { main } = await import(existsSync(sources) ? sources : new URL('../dist/main.js', import.meta.url));
process.exitCode = await main(process.argv.slice(2));
