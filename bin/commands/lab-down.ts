/** `weft lab down` and `weft lab status`. Neighbours: lab-run-options.ts, ../lab/. */
import { removeDeadLabs } from '../../topologies/lab/netns/state.ts'
import { askLab } from '../lab/control-client.ts'
import type { LabStatus } from '../lab/control-schema.ts'
import { isAlive, LabError, type RunningLab, runningLab, runningLabs } from '../lab/run-folder.ts'
import { labLines, labsLines } from '../print/lab.ts'
import { print } from '../print/output.ts'
import { paint } from '../print/terminal.ts'
import type { OutputFormat } from './rest-options.ts'

export interface LabDownOptions {
  readonly all: boolean
  readonly signal: AbortSignal
}

const POLL_MS = 20
/** A netns lab of fifty hosts took six seconds to go. */
const PATIENCE_MS = 120_000

/** @returns 0 when nothing is left, also when nothing was there */
export async function labDown(
  name: string | undefined,
  { all, signal }: LabDownOptions,
): Promise<number> {
  const running = await runningLabs()
  const asked = name === undefined ? running : running.filter((lab) => lab.name === name)
  if (asked.length === 0) {
    if (all) await removeDeadLabs()
    process.stdout.write(name === undefined ? 'No lab runs.\n' : `No lab ${name} runs.\n`)
    return 0
  }
  // Several and no name: the error says which there are.
  const labs = name === undefined && !all ? [await runningLab()] : asked
  for (const lab of labs) {
    await end(lab, signal)
    process.stdout.write(`Lab ${lab.name} is down; nothing of it is left.\n`)
  }
  // What labs have left that were killed, also those of tests, which are not among these.
  await runningLabs()
  if (all) await removeDeadLabs()
  return 0
}

async function end(lab: RunningLab, signal: AbortSignal): Promise<void> {
  try {
    await askLab(lab, '/down', { method: 'POST', signal })
  } catch (error) {
    if (signal.aborted || !isAlive(lab)) {
      if (signal.aborted) throw error
      return
    }
    // One that does not answer is asked as Ctrl-C asks.
    process.kill(lab.pid, 'SIGTERM')
  }
  const deadline = performance.now() + PATIENCE_MS
  while (isAlive(lab)) {
    signal.throwIfAborted()
    if (performance.now() > deadline)
      throw new LabError(`lab ${lab.name} (process ${lab.pid}) does not end; its log: ${lab.log}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

export interface LabStatusOptions {
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** Of one lab with its hosts and guests, or of all in a line each. @returns the exit code */
export async function labStatus(
  name: string | undefined,
  { output, signal }: LabStatusOptions,
): Promise<number> {
  const labs = name === undefined ? await runningLabs() : [await runningLab(name)]
  const states = await Promise.all(labs.map((lab) => statusOf(lab, signal)))
  const [first] = states
  if (name !== undefined && first) await print(output, first, () => labLines(first, paint))
  else await print(output, states, () => labsLines(states, paint))
  return 0
}

async function statusOf(lab: RunningLab, signal: AbortSignal): Promise<LabStatus> {
  try {
    return await askLab<LabStatus>(lab, '/status', { signal })
  } catch (error) {
    if (signal.aborted) throw error
    const { name, backend, document, file, tls, since, pid } = lab
    return { name, backend, document, file, tls, since, pid, state: 'does not answer' }
  }
}
