/** How much a service says of what it does. Neighbours: serve-options.ts, agent-options.ts. */
import type { Option } from 'commander'
import { setting } from '../config/settings.ts'

/** Of pino. */
const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof levels)[number]

export const logOption = (): Option =>
  setting('--log <level>', 'how much it says, a line of JSON each').choices(levels).default('info')
