/** What a run says, and whether it was good. Neighbours: campaign.ts, known.ts, goals.ts. */
import type { Limits, Result } from './campaign.ts'
import { median } from './coverage.ts'
import { type Absent, missedGoals } from './goals.ts'

const percent = (part: number, whole: number) => (100 * part) / Math.max(1, whole)

function table(title: string, counts: ReadonlyMap<string, number>): string {
  const all = [...counts].sort(([, a], [, b]) => b - a)
  const cells = all.map(([name, n]) => `${name} ${n}`.padEnd(38))
  const lines: string[] = []
  for (let i = 0; i < cells.length; i += 3) {
    lines.push(`  ${cells.slice(i, i + 3).join('')}`.trimEnd())
  }
  return [`${title} (${all.length})`, ...lines].join('\n')
}

export function report(
  result: Result,
  limits: Limits,
  absent: Absent,
): { text: string; isGood: boolean } {
  const { coverage: c, frames, sets, failures, died } = result
  const share = (n: number) => `${percent(n, frames).toFixed(1)} %`
  const goals = missedGoals(result, absent)
  const text = [
    table('frames by kind', c.kinds),
    table('match fields, frames taken by a flow with one', c.fields),
    table('masked', c.masked),
    table('actions, frames', c.actions),
    table('written by set_field', c.written),
    table('instructions, frames', c.instructions),
    table('groups, frames', c.groups),
    table('errors, messages', c.errors),
    table('known differences', result.known),
    `actions that this switch has not: ${absent.ours.join(', ') || 'none'}`,
    `actions that Open vSwitch has not: ${absent.theirs.join(', ') || 'none'}`,
    ...died.map((line) => `Open vSwitch ended itself: ${line}`),
    ...goals.map((line) => `FAILED: ${line}`),
    ...failures.map(
      ({ seed, text, times }) =>
        `FAILED, ${times} times: npm run fuzz -- switch ${seed} --tables 1\n${text}\n`,
    ),
    `switch: seed ${limits.seed}, ${frames} frames over ${sets} sets of tables in ` +
      `${result.seconds.toFixed(0)} s; delivered ${share(result.delivered)}, ` +
      `dropped ${share(result.dropped)}, punted ${share(result.punted)}; ` +
      `${median(c.matched)} flows a frame (median); ${result.outputs} frames and ` +
      `${result.punts} packet-ins out; ${result.messages} messages, ${result.refusals} refused; ` +
      `${died.length} sets ended Open vSwitch; ${failures.length} unexplained differences`,
    '',
  ].join('\n')
  return { text, isGood: failures.length === 0 && goals.length === 0 }
}
