from agent import SwiftForagerAgent

agents = {"swift_forager": SwiftForagerAgent}
