/** One echo of the real ping(8), from any namespace of the lab: a guest's (workload.ts) or a host's (ovs-host.ts). */
import { formatIpv4 } from '../../../southbound/wire/address.ts'
import { within } from './namespace.ts'
import { RunError, run } from './run.ts'

/** Exit code of ping(8) when no answer came, or when the frame was too long to leave. */
const NO_ANSWER = 1

/**
 * DF set, `bytes` of payload; `target` is IPv4 of 32 bits, or the text of either family. True when the answer came within `timeoutMs`.
 * @param execute runs a command where the namespace is; left out: here
 */
export async function ping(
  namespace: string,
  target: number | string,
  options: {
    readonly bytes: number
    readonly timeoutMs: number
    readonly signal?: AbortSignal | undefined
  },
  execute: typeof run = run,
): Promise<boolean> {
  const size = ['-M', 'do', '-s', String(options.bytes)]
  const once = ['-n', '-q', '-c', '1', '-W', String(options.timeoutMs / 1000)]
  try {
    await execute(
      within(namespace, [
        'ping',
        ...once,
        ...size,
        typeof target === 'string' ? target : formatIpv4(target),
      ]),
      {
        signal: options.signal,
        timeoutMs: options.timeoutMs + 5000,
      },
    )
    return true
  } catch (error) {
    if (error instanceof RunError && error.exitCode === NO_ANSWER) return false
    throw error
  }
}
