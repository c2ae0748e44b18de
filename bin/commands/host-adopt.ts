/** `weft host adopt`: a br-int that somebody else has filled becomes Weft's, after its plan was read. Neighbours: host-options.ts. */
import type { Adoption, AdoptionItems } from '../../controller/northbound/adoption-plan.ts'
import { durationOf } from '../duration.ts'
import { print } from '../print/output.ts'
import { printable } from '../print/printable.ts'
import { counted } from '../print/table.ts'
import { canAsk, confirmed, paint, withProgress } from '../print/terminal.ts'
import type { Answered } from '../print/views.ts'
import { checkId, objectPath } from '../target.ts'
import { LONGEST_WAIT_MS, type OutputFormat, type RestArguments } from './rest-options.ts'
import { openSession } from './session.ts'

export interface AdoptOptions extends RestArguments {
  readonly id: string
  readonly yes: boolean
  readonly wait?: string
  readonly output: OutputFormat
  readonly signal: AbortSignal
}

/** Lines of a list that are shown. */
const SHOWN = 20
/** Characters of a line. */
const LONGEST = 120

/** @returns the exit code */
export async function adopt(options: AdoptOptions): Promise<number> {
  const { id, yes, output, signal } = options
  checkId(id)
  const waitMs =
    options.wait === undefined ? undefined : durationOf('--wait', options.wait, LONGEST_WAIT_MS)
  const rest = openSession(options, signal)
  const path = objectPath('host', id)
  const { body: plan } = await withProgress(
    `reading br-int of ${id}`,
    rest.ask<Adoption>('GET', `${path}/adoption`),
  )
  await print(output, plan, () => planLines(plan))
  if (plan.state === 'free') return 0
  const isAgreed = yes || (canAsk() && (await confirmed(`Take over br-int of ${id}?`, signal)))
  if (!isAgreed) {
    const help = canAsk() ? '' : '; off a terminal --yes is needed'
    process.stderr.write(`weft: nothing was done${help}\n`)
    return 1
  }
  const query = waitMs === undefined ? {} : { wait: 'realized', timeout: `${waitMs}ms` }
  const ask = { json: { adopt: true }, query, limitMs: LONGEST_WAIT_MS * 2 }
  const { status, body } = await withProgress(
    `waiting for ${id}`,
    rest.ask<Answered>('PATCH', path, ask),
  )
  process.stderr.write(`br-int of ${id} is Weft's: revision ${printable(`${body.revision}`)}\n`)
  if (status !== 202) return 0
  process.stderr.write(`weft: ${printable(`${body.note}`)}\n`)
  return 3
}

function planLines(plan: Adoption): string[] {
  const { host, state, why = '', rows, ports, flows, groups, meters } = plan
  if (state === 'free') return [`${host} has nothing to adopt: its br-int is Weft's, or may be.`]
  const strangers = ports.filter(({ port }) => port === undefined)
  return [
    printable(why),
    '',
    ...rows.map(({ row, action, column, before, after }) =>
      action === 'add'
        ? paint('green', short(`+ ${row}  ${after}`))
        : paint('yellow', short(`~ ${row}  ${column}: ${before || 'none'} -> ${after || 'none'}`)),
    ),
    ...ports.map(({ name, port }) =>
      printable(
        `  Port ${name} stays${port === undefined ? ', and no flow leads there any longer' : `: ${port}`}`,
      ),
    ),
    ...itemLines('flow', flows),
    ...itemLines('group', groups),
    ...itemLines('meter', meters),
    ...(flows ? [] : ['  its flows are not known: br-int did not dial OpenFlow. All of them go.']),
    '',
    `From then on br-int forwards as the site says${strangers.length > 0 ? `: not for ${counted(strangers.length, 'port')} that the site does not know` : ''}.`,
  ]
}

/** One line of at most 120 characters. */
function short(text: string): string {
  const line = printable(text).trimEnd()
  return line.length <= LONGEST ? line : `${line.slice(0, LONGEST - 1)}…`
}

function itemLines(noun: string, items: AdoptionItems | undefined): string[] {
  if (!items) return []
  const { removed, changed, unlisted, staying, added } = items
  const gone = removed.map((text) =>
    paint('red', printable(`- ${noun === 'flow' ? 'flow ' : ''}${text}`)),
  )
  const other = changed.map((text) =>
    paint('yellow', printable(`~ ${noun === 'flow' ? 'flow ' : ''}${text}`)),
  )
  const all = [...gone, ...other]
  const more = all.length - SHOWN + unlisted
  const rest =
    more > 0 && all.length > SHOWN ? [`  and ${counted(more, noun)} more (-o json has them)`] : []
  const sums = [
    ...(staying > 0 ? [`${counted(staying, noun)} to stay`] : []),
    ...(added > 0 ? [`${counted(added, noun)} of Weft's to come`] : []),
  ]
  return [...all.slice(0, SHOWN), ...rest, ...(sums.length > 0 ? [`  ${sums.join(', ')}`] : [])]
}
