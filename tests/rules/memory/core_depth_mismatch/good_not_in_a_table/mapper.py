from agent import SwiftForager

agents = {"slow": SwiftForager}
