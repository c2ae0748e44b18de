/**
 * Answers held against the schemas of the model before anything is made of them: what comes over plain HTTP may be from
 * anybody, and some of it is printed for a root shell. A property that this version does not know is left out, so that a
 * newer controller is understood.
 */
import { nounOf } from '../controller/model/collections.ts'
import type { Declared, Objects } from '../controller/model/schema.ts'
import { schemas } from '../controller/model/schema.ts'
import { type Validate, validator } from '../controller/model/validate.ts'
import { printable } from './print/printable.ts'
import { RestError } from './rest-error.ts'

const validators = new Map<Declared, Validate>()

/** The object in an answer, without its status. @throws RestError */
export function objectIn<C extends Declared>(collection: C, answer: unknown): Objects[C] {
  const { object: schema } = schemas[collection]
  const isObject = typeof answer === 'object' && answer !== null
  const known = isObject
    ? Object.fromEntries(
        Object.entries(answer).filter(([name]) => Object.hasOwn(schema.properties, name)),
      )
    : answer
  const validate = validators.get(collection) ?? validator(schema)
  validators.set(collection, validate)
  const [first] = validate(known)
  if (!first) return known as Objects[C]
  const { pointer, detail, expected } = first
  const where = pointer === '' ? '' : ` ${pointer}:`
  const what = `a ${nounOf(collection)}:${where} ${detail}; expected ${expected}`
  throw new RestError(200, printable(`the controller's answer is not to be trusted: ${what}`))
}
