// What counts as a change that somebody has to approve, by property.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judgeChange, type JudgedPlugin } from '../../src/plugin/change.ts';
import { convertDocument } from '../../src/plugin/convert.ts';

const methods = ['get', 'head', 'post', 'put', 'patch', 'delete'] as const;
const schemes = {
  key: { type: 'apiKey', in: 'header', name: 'k' },
  bearer: { type: 'http', scheme: 'bearer' },
};

const operation = fc.record(
  {
    summary: fc.string(),
    servers: fc.constantFrom([{ url: 'https://a.x.example' }], [{ url: 'https://b.x.example/v1' }]),
    security: fc.constantFrom([{ key: [] }], [{ bearer: [] }], []),
    'x-openai-isConsequential': fc.boolean(),
  },
  { requiredKeys: [] },
);
const paths = fc.dictionary(
  fc.stringMatching(/^\/[a-d]$/),
  fc.dictionary(fc.constantFrom(...methods), operation, { maxKeys: 3 }),
  { maxKeys: 4 },
);
type Paths = typeof paths extends fc.Arbitrary<infer T> ? T : never;

function load(written: Paths): JudgedPlugin {
  const url = 'https://x.example/openapi.json';
  const document = { openapi: '3.1.0', info: {}, paths: written, components: { securitySchemes: schemes } };
  const context = {
    documentUrl: url,
    manifestUrl: null,
    domain: null,
    server: null,
    operations: { include: [], exclude: [] },
    allowed: [],
  };
  const bytes = Buffer.from(JSON.stringify(document));
  const { operations } = convertDocument({ bytes, source: url, kind: 'fetched', context });
  return { candidate: { name: 'x', manifest: null }, document: url, operations };
}

const codes = (before: JudgedPlugin, after: JudgedPlugin) =>
  new Set(judgeChange(before, after).map(({ code }) => code));

test('D10: what is the same is no change, in whatever order it stands', () => {
  fc.assert(
    fc.property(paths, (written) => {
      const turned = Object.fromEntries(Object.entries(written).toReversed());
      assert.deepEqual(judgeChange(load(written), load(turned)), []);
    }),
  );
});

test('D10: what is only taken away needs no approval', () => {
  fc.assert(
    fc.property(paths, fc.nat(), (written, which) => {
      const names = Object.keys(written);
      const { [names[which % Math.max(1, names.length)] ?? '']: _gone, ...fewer } = written;
      assert.deepEqual(judgeChange(load(written), load(fewer)), []);
    }),
  );
});

test('D10: a change of texts needs no approval', () => {
  fc.assert(
    fc.property(paths, fc.string(), (written, text) => {
      const reworded = Object.fromEntries(
        Object.entries(written).map(([path, item]) => [
          path,
          Object.fromEntries(
            Object.entries(item).map(([method, one]) => [method, { ...one, summary: text }]),
          ),
        ]),
      );
      assert.deepEqual(judgeChange(load(written), load(reworded as Paths)), []);
    }),
  );
});

test('D10: an added operation that may change something always needs approval', () => {
  fc.assert(
    fc.property(
      paths,
      fc.constantFrom('post', 'put', 'patch', 'delete'),
      operation,
      (written, method, one) => {
        const more = { ...written, '/new': { [method]: one } } as Paths;
        assert.ok(codes(load(written), load(more)).has('consequential'));
      },
    ),
  );
});

test('D10: so does one that is no longer marked as such', () => {
  const marked = (isConsequential: boolean) =>
    load({ '/a': { get: { 'x-openai-isConsequential': isConsequential } } });
  assert.deepEqual([...codes(marked(true), marked(false))], ['consequential']);
  assert.deepEqual([...codes(marked(false), marked(false))], []);
});

test('D10: an added origin always needs approval', () => {
  fc.assert(
    fc.property(paths, (written) => {
      const more = {
        ...written,
        '/new': { get: { servers: [{ url: 'https://c.x.example' }] } },
      } as unknown as Paths;
      assert.ok(codes(load(written), load(more)).has('origin'));
    }),
  );
});

test('D10: a thousand reasons are told in few words', () => {
  const many = Object.fromEntries(Array.from({ length: 900 }, (_, at) => [`/${at}`, { post: {} }])) as Paths;
  const [reason] = judgeChange(load({ '/a': { post: {} } }), load(many));
  assert.match(reason?.message ?? '', / and 880 more\.$/);
});
