/** The logger that the controller is given: pino, or anything with its two methods in use. A line is an event with fields. */
export interface Logger {
  info(fields: Readonly<Record<string, unknown>>, event: string): void
  warn(fields: Readonly<Record<string, unknown>>, event: string): void
}

export const noLog: Logger = { info: () => {}, warn: () => {} }
