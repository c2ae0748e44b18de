/** A lab that cannot be brought up or does not obey: one sentence for whoever started it. */
export class NetnsError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NetnsError'
  }
}
