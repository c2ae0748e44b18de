/**
 * What the switch answers to a message that it will not carry out: an OpenFlow error, thrown by
 * checks and turned into an error message by openflow/agent.ts. Names as in the table of
 * southbound/openflow/error.ts: 'bad_action.bad_out_group', 'bundle_failed.msg_failed'.
 */
import {
  EXPERIMENTER_ERROR,
  errorNumber,
  experimenterErrors,
} from '../../southbound/openflow/error.ts'

export class Refusal extends Error {
  readonly error_type: number
  readonly code: number
  /** Id of the experimenter whose error it is. */
  readonly experimenter: number | undefined

  constructor(name: string, why = '') {
    super(why === '' ? name : `${name}: ${why}`)
    this.name = 'Refusal'
    const own = Object.entries(experimenterErrors).find(([, known]) => known === name)?.[0]
    if (own === undefined) {
      const [type = '', code = ''] = name.split('.')
      const number = errorNumber(type, code)
      this.error_type = number.error_type
      this.code = number.code
      this.experimenter = undefined
    } else {
      const [experimenter, code] = own.split(',').map(Number)
      this.error_type = EXPERIMENTER_ERROR
      this.code = code ?? 0
      this.experimenter = experimenter
    }
  }
}

export function refuse(name: string, why = ''): never {
  throw new Refusal(name, why)
}
