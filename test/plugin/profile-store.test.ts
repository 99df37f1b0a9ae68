// Every function of real documents in every profile: its API would take it, and nothing of it is lost (S2, S7 to S9).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generalDocuments, genuineLabels, readText, storePlugins } from '../../bench/conformance/data.ts';
import { convertDocument } from '../../bench/conformance/ours.ts';
import {
  findLosses,
  findRefusal,
  findStrictRefusal,
  profileNames,
} from '../../bench/conformance/profile-rules.ts';
import { formFunction } from '../../src/plugin/function-form.ts';
import type { PluginFunction } from '../../src/plugin/function.ts';
import { needsShared, sharedFolder } from '../shared-data.ts';

const general = [
  'notion.com',
  'trello.com',
  'spotify_oas',
  'workmail',
  'circuitsandbox',
  'firehose',
  'discourse',
];

function storeFunctions(): PluginFunction[] {
  return storePlugins(sharedFolder() ?? '').flatMap(({ label, documentFile, name }) =>
    genuineLabels.includes(label) && documentFile !== null
      ? convertDocument(readText(documentFile), name, []).functions
      : [],
  );
}

function generalFunctions(): PluginFunction[] {
  return generalDocuments(sharedFolder() ?? '')
    .filter(({ file }) => general.some((part) => file.includes(part)))
    .flatMap(({ file, name }) => convertDocument(readText(file), name, []).functions);
}

const sets = { 'the store': storeFunctions, 'general documents': generalFunctions };

for (const [title, functions] of Object.entries(sets)) {
  test(
    `${title}: every function is legal in every profile, and says all that it says in common`,
    needsShared,
    () => {
      const list = functions();
      assert.ok(list.length > 500, `${list.length} functions`);
      for (const profile of profileNames) {
        let complete = 0;
        for (const fn of list) {
          const { formed, diagnostics } = formFunction(fn, { profile, strict: false });
          assert.ok(formed, `${profile} ${fn.name}: ${diagnostics[0]?.message}`);
          const shown = formed.definition.function;
          assert.equal(findRefusal(shown, profile), null, `${profile} ${fn.name}`);
          assert.equal(formed.text, JSON.stringify(formed.definition));
          // S6 comes first: what exceeds the budget in this form is shortened, and said to be.
          if (diagnostics.some(({ code }) => /^function-(?:trimmed|large)$/.test(code))) continue;
          complete += 1;
          const losses = findLosses(fn.definition.function.parameters, shown.parameters);
          assert.deepEqual(losses, [], `${profile} ${fn.name}`);
        }
        assert.ok(complete >= list.length * 0.99, `${profile}: ${complete} of ${list.length}`);
      }
    },
  );

  test(
    `S8, ${title}: what is sent as strict is strict, and says all that it says in common`,
    needsShared,
    () => {
      const list = functions();
      let strict = 0;
      for (const fn of list) {
        const { formed } = formFunction(fn, { profile: 'openai', strict: true });
        assert.ok(formed);
        if (!formed.strict) continue;
        strict += 1;
        const shown = formed.definition.function;
        assert.equal(findStrictRefusal(shown), null, fn.name);
        assert.deepEqual(findLosses(fn.definition.function.parameters, shown.parameters), [], fn.name);
        assert.deepEqual(
          Object.keys(Object(shown.parameters['properties'])),
          Object.keys(Object(fn.definition.function.parameters['properties'])),
        );
      }
      assert.ok(strict > list.length * 0.6, `${strict} of ${list.length}`);
    },
  );
}
