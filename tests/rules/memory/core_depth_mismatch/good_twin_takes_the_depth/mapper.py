from agent import SwiftForager

agents = {"swift_forager": SwiftForager}
