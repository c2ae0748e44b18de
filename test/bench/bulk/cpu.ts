/** CPU time of processes, from /proc/PID/stat: what others take on a busy machine is not in it. */
import { readFileSync } from 'node:fs'

/** Of the clock that proc(5) counts in; USER_HZ is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100

/** Seconds that the processes have computed so far, user and system. */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The command's name, field 2, is in parentheses and may contain anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  })
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND
}

/** The process whose pid a daemon has written to a file. */
export const pidIn = (file: string): number => Number(readFileSync(file, 'utf8'))
