// A release of a source tree: what `npm pack` would put into the package, in a folder of its own.
import { execFileSync } from 'node:child_process';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Builds a tree, whose packages are installed; gives the folder of the release, gone with the stack. */
export async function buildRelease(stack: AsyncDisposableStack, tree: string): Promise<string> {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: tree, stdio: ['ignore', 'inherit', 'inherit'] });
  const release = await mkdtemp(join(tmpdir(), 'plugin-gateway-release-'));
  stack.defer(() => rm(release, { recursive: true, force: true }));
  for (const name of ['dist', 'bin', 'package.json']) {
    await cp(join(tree, name), join(release, name), { recursive: true });
  }
  await symlink(join(tree, 'node_modules'), join(release, 'node_modules'));
  return release;
}
