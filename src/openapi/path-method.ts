// The methods that a path item of a document may have as members (`openapi.md` N6).

export const pathMethods = [
  'get',
  'put',
  'post',
  'delete',
  'patch',
  'head',
  'options',
  'trace',
  'query',
] as const;
