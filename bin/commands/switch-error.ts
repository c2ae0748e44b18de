/** What `weft switch` was told and cannot do: one sentence for whoever typed it. */
export class SwitchError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SwitchError'
  }
}
