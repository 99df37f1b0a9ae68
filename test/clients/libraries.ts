// Every client library that the tests drive.
import { agents } from './agents.ts';
import { aiSdk } from './ai-sdk.ts';
import { langchain } from './langchain.ts';
import type { ClientLibrary } from './library.ts';
import { openai6, openai7 } from './openai-node.ts';

export const libraries: readonly ClientLibrary[] = [openai7, openai6, ...aiSdk, langchain, agents];
