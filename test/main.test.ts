// The command line: help, version, and wrong calls, each with its exit code.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { main } from '../src/main.ts';
import { recordTerminal } from './command/recording-terminal.ts';

const names = ['serve', 'check', 'functions', 'call', 'approve', 'chat', 'demo'];

async function call(...args: string[]) {
  const terminal = recordTerminal();
  return { code: await main(args, terminal), out: terminal.out(), err: terminal.err() };
}

test('without a command, the commands are listed', async () => {
  const { code, out } = await call();
  assert.equal(code, 0);
  for (const name of names) assert.match(out, new RegExp(`^  ${name} `, 'm'));
});

for (const name of names) {
  test(`"${name} --help" and "help ${name}" say how to call it`, async () => {
    const help = await call(name, '--help');
    assert.equal(help.code, 0);
    assert.match(help.out, new RegExp(`^Usage: plugin-gateway ${name}`));
    assert.deepEqual(await call('help', name), help);
    for (const line of help.out.split('\n')) assert.ok(line.length <= 104, line);
  });

  test(`an unknown option of "${name}" is refused with code 64`, async () => {
    const { code, out, err } = await call(name, '--colour=red');
    assert.equal(code, 64);
    assert.equal(out, '');
    assert.match(err, new RegExp(`^plugin-gateway ${name}: Unknown option '--colour'.*${name} --help`));
    assert.equal(err.trimEnd().split('\n').length, 1);
  });
}

test('an unknown command is refused with code 64 and the names of the others', async () => {
  const { code, err } = await call('server');
  assert.equal(code, 64);
  assert.match(err, /there is no command "server".*serve, check/);
});

test('a missing argument and one too many are refused with code 64', async () => {
  for (const [args, message] of [
    [['check'], /The argument PATH... is missing/],
    [['functions'], /The argument PATH is missing/],
    [['functions', 'a', 'b'], /"b" is one too many/],
    [['call', 'todo'], /The argument OPERATION is missing/],
    [['chat'], /The argument MESSAGE is missing/],
    [['demo', 'now'], /"now" is one too many/],
    [['check', 'no/such/path'], /no file or folder no\/such\/path/],
  ] as const) {
    const { code, err } = await call(...args);
    assert.equal(code, 64, args.join(' '));
    assert.match(err, message);
  }
});

test('the version is that of package.json', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  assert.equal((await call('--version')).out, `${version}\n`);
});

test('a configuration that is not there is refused with code 78', async () => {
  const { code, err } = await call('serve', '--config', 'no/such/file.yaml');
  assert.equal(code, 78);
  assert.match(err, /no\/such\/file\.yaml.*no such file/);
});
