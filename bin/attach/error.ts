/** What `weft attach` was asked for and cannot print: one sentence for whoever typed it. */
export class AttachError extends Error {
  override readonly name = 'AttachError'
}
