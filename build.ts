// `npm run build`: dist/, the gateway with the packages that it uses, in few files: they start in half the time of many.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** What Node finds by its name while the gateway runs. Everything else comes to lie in chunks beside. */
const entries = {
  main: 'src/main.ts',
  'convert-worker': 'src/plugin/convert-worker.ts',
  'mend-worker': 'src/plugin/mend-worker.ts',
  'token-table': 'src/plugin/token-table.ts',
};

/** Builds into a folder, which is emptied first. */
export async function buildInto(folder: string): Promise<void> {
  const root = dirname(fileURLToPath(import.meta.url));
  await rm(folder, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir: folder,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // Packages in CommonJS ask for Node's own modules by `require`, which modules lack.
    banner: { js: "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);" },
    // V8 keeps the text. Without comments it is ASCII too, a byte per character; names and lines stay for stack traces.
    minifyWhitespace: true,
    lineLimit: 120,
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  });
  await writeFile(join(folder, 'LICENSES.txt'), await readLicences(root, Object.keys(metafile.inputs)));
}

/** The licences of the packages that source files belong to: who passes on their code passes on these. */
async function readLicences(root: string, files: readonly string[]): Promise<string> {
  const folders = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []);
  const texts = [...new Set(folders)].toSorted().map((folder) => readLicence(join(root, folder)));
  return (await Promise.all(texts)).join(`\n${'-'.repeat(80)}\n`);
}

async function readLicence(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    readonly [key: string]: string;
  };
  const files = (await readdir(folder)).filter((file) => /^(?:licen[cs]e|notice)/i.test(file));
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  return [`${name} ${version} (${license})\n`, ...texts].join('\n');
}

if (import.meta.main) await buildInto(fileURLToPath(new URL('dist', import.meta.url)));
