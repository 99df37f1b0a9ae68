// How one value is written into a path, query, header, cookie or form body (`openapi.md` section 7).

export type ParameterPlace = 'path' | 'query' | 'header' | 'cookie';

/** `tabDelimited` is Swagger 2.0's `tsv`. */
export type ParameterStyle =
  | 'simple'
  | 'label'
  | 'matrix'
  | 'form'
  | 'spaceDelimited'
  | 'pipeDelimited'
  | 'tabDelimited'
  | 'deepObject';

/** How one value is written into a path, query, header, cookie or form body. */
export interface ValueEncoding {
  readonly style: ParameterStyle;
  readonly explode: boolean;
  readonly allowReserved: boolean;
  /** Media type of a parameter with `content` instead of `schema`: the value is sent as its text. */
  readonly contentType: string | null;
}

/** How one property of a form or multipart body is written. */
export interface PropertyEncoding {
  readonly contentType: string | null;
  readonly style: ParameterStyle;
  readonly explode: boolean;
  readonly allowReserved: boolean;
}
