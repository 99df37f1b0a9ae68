// Which API an upstream is: known by its host, and which functions such an API takes (`openapi.md` S9).
import type { UpstreamConfig, UpstreamKind } from '../config/schema.ts';
import type { FunctionForm, ProfileName } from '../openai/function-form.ts';
import { matchesModel } from './model-pattern.ts';

/** Hosts, with the port where one stands, by which an upstream's kind is known. */
const hosts: readonly (readonly [kind: UpstreamKind, hosts: readonly string[]])[] = [
  ['openai', ['api.openai.com', '*.api.openai.com']],
  ['azure', ['*.openai.azure.com', '*.cognitiveservices.azure.com', '*.services.ai.azure.com']],
  ['gemini', ['generativelanguage.googleapis.com', '*aiplatform.googleapis.com']],
  ['anthropic', ['api.anthropic.com']],
  ['groq', ['api.groq.com']],
  ['mistral', ['api.mistral.ai', 'codestral.mistral.ai']],
  ['deepseek', ['api.deepseek.com']],
  ['moonshot', ['api.moonshot.ai', 'api.moonshot.cn']],
  ['openrouter', ['openrouter.ai']],
  ['ollama', ['*:11434', 'ollama.com']],
  ['lmstudio', ['*:1234']],
];

/** Profiles of the kinds; all others take `common`. A router goes by the models behind it. */
const profiles: readonly { kind: UpstreamKind; models?: string; profile: ProfileName }[] = [
  { kind: 'openai', profile: 'openai' },
  { kind: 'azure', profile: 'azure' },
  { kind: 'gemini', profile: 'gemini' },
  { kind: 'anthropic', profile: 'anthropic' },
  { kind: 'mistral', profile: 'mistral' },
  { kind: 'groq', profile: 'groq' },
  { kind: 'vllm', profile: 'vllm' },
  { kind: 'ollama', profile: 'ollama' },
  { kind: 'openrouter', models: 'google/gemini-*', profile: 'gemini' },
];

/** The kind as configured, else by the host of the URL. */
export function kindOf({ kind, url }: Pick<UpstreamConfig, 'kind' | 'url'>): UpstreamKind | undefined {
  if (kind) return kind;
  const { host } = new URL(url);
  return hosts.find(([, patterns]) => patterns.some((pattern) => matchesModel(pattern, host)))?.[0];
}

/** Tells the form in which an upstream gets functions for a model: the operator's word, else what its kind takes. */
export function createFormChoice(config: UpstreamConfig): (model: string) => FunctionForm {
  const kind = kindOf(config);
  const { strict = false } = config;
  const formOf = (profile: ProfileName): FunctionForm => ({ profile: config.profile ?? profile, strict });
  const common = formOf('common');
  const rows = profiles
    .filter((row) => row.kind === kind)
    .map(({ models = '*', profile }) => ({ models, form: formOf(profile) }));
  return (model) => rows.find(({ models }) => matchesModel(models, model))?.form ?? common;
}
